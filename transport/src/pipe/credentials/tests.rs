//! Files that cannot be used, and what certificates say of nodes.

use std::fs;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::pipe::tests::authority::{Authority, uri};

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (a, b) = (authority.node("a", &["h"]), authority.node("b", &["h"]));
    let missing = authority.folder().join("missing.pem");
    let garbage = authority.folder().join("garbage.pem");
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let named = |loaded: Result<Credentials, CredentialsError>| match loaded {
        Err(CredentialsError::File { path, .. }) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(Credentials::load(&missing, &a.key, &a.authorities)), missing);
    assert_eq!(named(Credentials::load(&a.certificate, &missing, &a.authorities)), missing);
    assert_eq!(named(Credentials::load(&a.certificate, &a.key, &missing)), missing);
    // Each in the place of another.
    assert_eq!(named(Credentials::load(&a.key, &a.key, &a.authorities)), a.key);
    assert_eq!(named(Credentials::load(&a.certificate, &a.authorities, &a.key)), a.authorities);
    assert_eq!(named(Credentials::load(&a.certificate, &a.key, &a.key)), a.key);
    assert_eq!(named(Credentials::load(&a.certificate, &a.key, &garbage)), garbage);
    for (certificate, key) in [(&a.certificate, &b.key), (&garbage, &a.key)] {
        let loaded = Credentials::load(certificate, key, &a.authorities);
        assert!(matches!(loaded, Err(CredentialsError::Unusable(_))), "{loaded:?}");
    }
}

#[test]
fn binding_says_which_nodes_a_certificate_stands_for() {
    let authority = Authority::new();
    let files =
        authority.node_with("a", &["h1.example.org", "*.b.example.org", "10.0.0.1"], |it| {
            it.subject_alt_names.push(uri("starlings://shop@h1.example.org"));
            it.subject_alt_names.push(uri("https://bank@h1.example.org"));
        });
    let certificate = CertificateDer::from_pem_file(files.certificate).unwrap();
    let allowed = |binding, node: &str| {
        let identity = identity(binding, &certificate).unwrap();
        identity.is_none_or(|identity| identity.allows(&node.parse().unwrap()))
    };
    let table = [
        ("shop@h1.example.org", true, true),
        ("bank@h1.example.org", true, false),
        ("shop@H1.example.org", true, false),
        ("shop@x.b.example.org", true, false),
        ("shop@x.y.b.example.org", false, false),
        ("shop@10.0.0.1", true, false),
        ("shop@10.0.0.2", false, false),
        ("shop@example.org", false, false),
        ("shop@[::1]", false, false),
        ("shop@_", false, false),
    ];
    for (node, by_host, by_node) in table {
        assert!(allowed(Binding::Authority, node) && allowed(Binding::Address, node));
        assert_eq!(allowed(Binding::Host, node), by_host, "{node}");
        assert_eq!(allowed(Binding::Node, node), by_node, "{node}");
    }
}

#[test]
fn hosts_are_told_from_what_is_none() {
    for good in ["h:1", "h1.example.org:1", "10.0.0.1:1", "[::1]:1"] {
        assert!(server_name(good).is_ok(), "{good}");
    }
    for bad in [":1", "a b:1", "h..x:1"] {
        assert!(server_name(bad).is_err(), "{bad}");
    }
}
