//! Addresses of WebSocket pipes.

use tokio_tungstenite::tungstenite::http::Uri;

/// A checked address.
#[derive(Debug, Clone)]
pub(super) struct Url {
    pub(super) is_secure: bool,
    /// `host:port`, with the port of the scheme where none is named. The port is not checked.
    pub(super) place: String,
    /// As it stands in requests, with a path.
    pub(super) uri: Uri,
    /// Path and query; empty if there is none.
    path: String,
}

impl Url {
    /// Of the form `ws://host:port/path?query`; all after the host may be left out.
    pub(super) fn parse(address: &str) -> Result<Self, String> {
        let form = "it has the form ws://host:port/path or wss://host:port/path";
        let (scheme, rest) = address.split_once("://").ok_or(form)?;
        let (is_secure, port) = match scheme {
            "ws" => (false, "80"),
            "wss" => (true, "443"),
            _ => return Err(form.to_owned()),
        };
        if rest.contains(['@', '#']) {
            return Err("there are no names, passwords and fragments in it".to_owned());
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let has_port = authority.contains(':') && !authority.ends_with(']');
        let place = match has_port {
            true => authority.to_owned(),
            false => format!("{authority}:{port}"),
        };
        if place.starts_with(':') {
            return Err("the host is missing".to_owned());
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let uri = format!("{scheme}://{authority}{slash}{path}");
        let uri = Uri::try_from(uri).map_err(|error| error.to_string())?;
        Ok(Self { is_secure, place, uri, path: path.to_owned() })
    }

    /// The same path at another place.
    pub(super) fn at(&self, place: &str) -> String {
        let scheme = if self.is_secure { "wss" } else { "ws" };
        format!("{scheme}://{place}{}", self.path)
    }

    /// Whether who asks a listener at this address for `uri` has come to the right one. Without a path,
    /// all do.
    pub(super) fn admits(&self, uri: &Uri) -> bool {
        self.path.is_empty() || uri.path_and_query() == self.uri.path_and_query()
    }
}
