//! An authority that makes certificates for tests, and programs of others that use them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use tempfile::TempDir;
use tokio::process::Command;

use crate::pipe::Credentials;

pub(in crate::pipe) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// The files of one node.
#[derive(Debug, Clone)]
pub(in crate::pipe) struct Files {
    pub(in crate::pipe) certificate: PathBuf,
    pub(in crate::pipe) key: PathBuf,
    pub(in crate::pipe) authorities: PathBuf,
}

impl Files {
    pub(in crate::pipe) fn load(&self) -> Credentials {
        Credentials::load(&self.certificate, &self.key, &self.authorities).unwrap()
    }
}

impl Authority {
    pub(in crate::pipe) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let (key, folder) = (KeyPair::generate().unwrap(), tempfile::tempdir().unwrap());
        params.distinguished_name = common_name(folder.path().to_str().unwrap());
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    pub(in crate::pipe) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A certificate for these DNS names and IP addresses, in files of this name.
    pub(in crate::pipe) fn node(&self, file: &str, hosts: &[&str]) -> Files {
        self.node_with(file, hosts, |_| {})
    }

    pub(in crate::pipe) fn node_with(
        &self,
        file: &str,
        hosts: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Files {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = common_name(file);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let path = |extension| self.folder.path().join(format!("{file}.{extension}"));
        let files = Files { certificate: path("pem"), key: path("key"), authorities: self.pem() };
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    pub(in crate::pipe) fn pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// Chains are found by these, so each has its own.
fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Credentials that are good on this machine.
pub(in crate::pipe) fn localhost(authority: &Authority, file: &str) -> Credentials {
    authority.node(file, &["127.0.0.1", "localhost"]).load()
}

pub(in crate::pipe) fn uri(text: &str) -> SanType {
    SanType::URI(Ia5String::try_from(text).unwrap())
}

/// The openssl program, or none, and a complaint that no test harness hides.
pub(in crate::pipe) fn openssl() -> Option<Command> {
    let there = std::process::Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    if there.is_err() {
        let why = "SKIPPED: openssl is not installed, so nothing is tested against it\n";
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return None;
    }
    let mut command = Command::new("openssl");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    Some(command)
}
