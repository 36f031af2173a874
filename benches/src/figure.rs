//! What one measurement gives, and how a measuring process hands it to the run.

use std::fmt::{self, Display};

use crate::child::Result;

/// The figure in the unit of the workload, and what was seen beside it, by name.
pub struct Figure {
    pub value: f64,
    pub beside: Vec<(String, f64)>,
}

impl Figure {
    pub fn beside(mut self, name: &str, value: f64) -> Self {
        self.beside.push((name.to_owned(), value));
        self
    }

    /// The figure in a unit of which each of its own has so many.
    pub fn times(mut self, factor: u32) -> Self {
        self.value *= f64::from(factor);
        self
    }

    /// Reads what `Display` writes: the figure on the first line, a name and its value on the others.
    pub fn parse(printed: &str) -> Result<Self> {
        let mut lines = printed.lines();
        let value: f64 = lines.next().ok_or("no figure")?.trim().parse()?;
        let mut figure = Self::from(value);
        for line in lines {
            let (name, value) = line.split_once(' ').ok_or("a name without a value")?;
            figure = figure.beside(name, value.trim().parse()?);
        }
        Ok(figure)
    }
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Self {
            value,
            beside: Vec::new(),
        }
    }
}

impl Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.value)?;
        self.beside
            .iter()
            .try_for_each(|(name, value)| write!(formatter, "\n{name} {value}"))
    }
}
