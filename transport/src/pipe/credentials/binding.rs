//! What a certificate has to say of the node that shows it.
//!
//! The chain of the certificate, up to an authority that is trusted, is always checked, on both ends.
//! The name of the node is known only after the handshake of the session has proven it, so it is
//! checked there, by [`PeerIdentity`].

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use starlings_runtime::NodeId;

use crate::pipe::{PeerIdentity, tcp};

/// Before the name of a node, in the URI that binds a certificate to it.
const URI: &str = "starlings://";

/// What the certificate of the other end has to say, beside that one of the authorities made it and
/// that it is valid now. Alternative names of the certificate count, its common name does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binding {
    /// Nothing more. Every node of the authorities can pose as every other one.
    Authority,
    /// Of a node that is dialled, the host in the address: a DNS name or an IP address. Nothing more
    /// of one that dials. This is what TLS does elsewhere, and the default.
    #[default]
    Address,
    /// The host in the node's name, that of `shop@h1.example.org` by the DNS name `h1.example.org` or
    /// `*.example.org`. Nodes of one host can pose as each other. The address does not count, so
    /// nodes may move.
    Host,
    /// The node's name, that of `shop@h1` by the URI `starlings://shop@h1`. No node can pose as
    /// another one. The address does not count, so nodes may move.
    Node,
}

/// Which nodes the holder of a certificate may be.
///
/// # Errors
/// The certificate does not parse.
pub(in crate::pipe) fn identity(
    binding: Binding,
    certificate: &CertificateDer<'_>,
) -> Result<Option<PeerIdentity>, String> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|error| error.to_string())?;
    Ok(match binding {
        Binding::Authority | Binding::Address => None,
        Binding::Host => {
            let names = parsed.valid_dns_names().map(ToOwned::to_owned).collect();
            let certificate = certificate.clone().into_owned();
            Some(PeerIdentity::new(names, move |node| is_for_host(&certificate, node)))
        }
        Binding::Node => {
            let names: Vec<String> = parsed.valid_uri_names().map(ToOwned::to_owned).collect();
            let uris = names.clone();
            Some(PeerIdentity::new(names, move |node| {
                uris.iter().any(|uri| uri.strip_prefix(URI) == Some(node.as_str()))
            }))
        }
    })
}

fn is_for_host(certificate: &CertificateDer<'_>, node: &NodeId) -> bool {
    let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(certificate), host(node.host()))
    else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

/// The host of an address `host:port`, as certificates name it.
///
/// # Errors
/// It is no such address, or no certificate can name its host.
pub(in crate::pipe) fn server_name(address: &str) -> Result<ServerName<'static>, String> {
    tcp::check(address)?;
    host(address.rsplit_once(':').map_or(address, |(host, _)| host))
}

fn host(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let name = ServerName::try_from(bare.to_owned());
    name.map_err(|_| "the host is neither a DNS name nor an IP address".to_owned())
}

/// Checks all of a certificate but its names.
#[derive(Debug)]
pub(super) struct AnyName {
    roots: Arc<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyName {
    pub(super) fn new(roots: Arc<RootCertStore>, provider: &CryptoProvider) -> Arc<Self> {
        Arc::new(Self { roots, algorithms: provider.signature_verification_algorithms })
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(certificate)?,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // There is TLS 1.3 only.
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
