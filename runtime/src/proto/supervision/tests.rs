//! Single steps of the decisions. `model` runs them against OTP's rules at random.

mod backoff;
mod departures;
mod ending;
mod model;
mod steps;
mod stops;
