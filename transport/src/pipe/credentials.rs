//! What a node shows by TLS, and whom it trusts: certificate, key and authorities, from files.
//!
//! ```text
//!   Credentials ─▶ TlsPipe, QuicPipe, WebSocketPipe
//!        │
//!     Binding      what a certificate says of its node: credentials/binding.rs
//! ```
//!
//! Both ends show a certificate. There is TLS 1.3 only: both ends are nodes of ours, so nothing older
//! has to be spoken to, and with it no renegotiation, no CBC and no key exchange without forward
//! secrecy exist. Nothing is resumed: sessions live long, and a resumed connection would trust a
//! certificate that is trusted no longer. The provider is named, so that a program which has another
//! one in its tree does not make rustls panic.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

mod binding;
#[cfg(test)]
mod tests;

pub use binding::Binding;
pub(super) use binding::{identity, server_name};

use binding::AnyName;

use crate::wire::ChannelBinding;

/// A node's certificate, its key, and the authorities whose certificates it accepts. Its clones are
/// the same credentials: [`Credentials::reload`] counts for all of them.
#[derive(Debug, Clone)]
pub struct Credentials {
    shared: Arc<Shared>,
    binding: Binding,
}

#[derive(Debug)]
struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    authorities: PathBuf,
    loaded: RwLock<Loaded>,
}

#[derive(Debug, Clone)]
struct Loaded {
    server: Arc<ServerConfig>,
    /// Checks the certificate against the host that is dialled.
    by_address: Arc<ClientConfig>,
    /// Does not: the name of the node counts.
    by_name: Arc<ClientConfig>,
}

/// Why credentials cannot be used. Those in force before stay in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file cannot be read, or what it should hold is not in it as PEM.
    #[error("cannot use {path:?}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate cannot be used with the key, or is none.
    #[error("cannot use the certificate and its key: {0}")]
    Unusable(String),
}

impl Credentials {
    /// Loads a certificate (with those between it and the authority, if there are any), its private
    /// key and the authorities from PEM files. Dialled hosts are checked, names of nodes are not: see
    /// [`Credentials::bind`].
    ///
    /// Reads the files while the caller waits.
    ///
    /// # Errors
    /// Any [`CredentialsError`].
    pub fn load(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        authorities: impl Into<PathBuf>,
    ) -> Result<Self, CredentialsError> {
        let (certificate, key, authorities) = (certificate.into(), key.into(), authorities.into());
        let loaded = RwLock::new(Loaded::read(&certificate, &key, &authorities)?);
        let shared = Arc::new(Shared { certificate, key, authorities, loaded });
        Ok(Self { shared, binding: Binding::default() })
    }

    /// Sets what the certificate of the other end has to say.
    #[must_use]
    pub fn bind(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// Reads the files again, for connections that are made from now on, on listeners that are there
    /// already too. Connections that are open stay open.
    ///
    /// Reads the files while the caller waits.
    ///
    /// # Errors
    /// Any [`CredentialsError`]; what was loaded before stays in force.
    pub fn reload(&self) -> Result<(), CredentialsError> {
        let Shared { certificate, key, authorities, loaded } = &*self.shared;
        let read = Loaded::read(certificate, key, authorities)?;
        *loaded.write() = read;
        Ok(())
    }

    pub(super) fn binding(&self) -> Binding {
        self.binding
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        self.shared.loaded.read().server.clone()
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        let loaded = self.shared.loaded.read();
        match self.binding {
            Binding::Address => loaded.by_address.clone(),
            Binding::Authority | Binding::Host | Binding::Node => loaded.by_name.clone(),
        }
    }
}

impl Loaded {
    fn read(certificate: &Path, key: &Path, authorities: &Path) -> Result<Self, CredentialsError> {
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
        let mut roots = RootCertStore::empty();
        for authority in certificates(authorities)? {
            let added = roots.add(authority);
            added.map_err(|error| file(authorities, error.to_string()))?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(default_provider());
        let unusable = |error: rustls::Error| CredentialsError::Unusable(error.to_string());
        Ok(Self {
            server: Arc::new(server(&provider, &roots, &chain, &key).map_err(unusable)?),
            by_address: Arc::new(client(&provider, &roots, &chain, &key).map_err(unusable)?),
            by_name: {
                let mut client = client(&provider, &roots, &chain, &key).map_err(unusable)?;
                client.dangerous().set_certificate_verifier(AnyName::new(roots, &provider));
                Arc::new(client)
            },
        })
    }
}

/// What both ends know of a channel of TLS, and nobody else: see RFC 9266, "tls-exporter". The label is said to
/// `export`, which fills what it is given.
pub(super) fn channel<E: Display>(
    export: impl FnOnce(&mut ChannelBinding, &'static [u8]) -> Result<(), E>,
) -> io::Result<ChannelBinding> {
    let mut channel = ChannelBinding::default();
    export(&mut channel, b"EXPORTER-Channel-Binding")
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(channel)
}

fn server(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
    let verifier = verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.to_vec(), key.clone_key())?;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(server)
}

fn client(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<ClientConfig, rustls::Error> {
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots.clone())
        .with_client_auth_cert(chain.to_vec(), key.clone_key())?;
    client.resumption = Resumption::disabled();
    Ok(client)
}

/// All certificates of a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?;
    let found: Result<Vec<_>, _> = found.collect();
    let found = found.map_err(|error| unreadable(path, &error))?;
    if found.is_empty() {
        return Err(file(path, "there is no certificate in it".to_owned()));
    }
    Ok(found)
}

fn unreadable(path: &Path, error: &pem::Error) -> CredentialsError {
    file(path, error.to_string())
}

fn file(path: &Path, why: String) -> CredentialsError {
    CredentialsError::File { path: path.to_owned(), why }
}
