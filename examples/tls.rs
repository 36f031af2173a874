//! Nodes over TLS: who is let in, and a certificate that changes while its node runs.
//!
//! A program would get its files from its operators; `docs/pipes.md` has the commands that make them.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};
use starlings::pipe::{Binding, Credentials, TlsPipe};
use starlings::prelude::*;

type Failure = Box<dyn std::error::Error>;

/// Makes certificates in a folder.
struct Authority<'a> {
    folder: &'a Path,
    issuer: Issuer<'static, KeyPair>,
}

impl<'a> Authority<'a> {
    fn new(folder: &'a Path) -> Result<Self, Failure> {
        let (mut params, key) = (CertificateParams::default(), KeyPair::generate()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "authority of the example");
        fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
        Ok(Self { folder, issuer: Issuer::new(params, key) })
    }

    /// Writes `FILE.pem` and `FILE.key`, for the node with this name.
    fn certify(&self, file: &str, node: &str) -> Result<(), Failure> {
        let (mut params, key) = (CertificateParams::default(), KeyPair::generate()?);
        let uri = Ia5String::try_from(format!("starlings://{node}"))?;
        params.subject_alt_names.push(SanType::URI(uri));
        fs::write(self.path(file, "pem"), params.signed_by(&key, &self.issuer)?.pem())?;
        fs::write(self.path(file, "key"), key.serialize_pem())?;
        Ok(())
    }

    fn path(&self, file: &str, extension: &str) -> PathBuf {
        self.folder.join(file).with_extension(extension)
    }

    fn load(&self, file: &str) -> Result<Credentials, Failure> {
        let authorities = self.folder.join("ca.pem");
        let (certificate, key) = (self.path(file, "pem"), self.path(file, "key"));
        Ok(Credentials::load(certificate, key, authorities)?.bind(Binding::Node))
    }
}

async fn start(name: &str, credentials: Credentials) -> Result<Node, Failure> {
    let builder = Node::builder(name).pipe(TlsPipe::new(credentials)).cookie("example cookie");
    Ok(builder.listen("127.0.0.1:0").start().await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let authority = Authority::new(folder.path())?;
    for name in ["shop", "bank", "thief"] {
        authority.certify(name, &format!("{name}@localhost"))?;
    }
    let credentials = authority.load("shop")?;
    let shop = start("shop@localhost", credentials.clone()).await?;
    let bank = start("bank@localhost", authority.load("bank")?).await?;
    let (at_shop, at_bank) = (starlings::address(&shop), starlings::address(&bank));

    shop.connect(bank.name(), at_bank.as_deref()).await?;
    println!("{} is connected to {:?}", shop.name(), shop.nodes());

    // It knows the cookie and has a certificate, but not that of the bank.
    let thief = start("bank@localhost", authority.load("thief")?).await?;
    let refused = thief.connect(shop.name(), at_shop.as_deref()).await;
    println!("a thief that calls itself bank@localhost: {refused:?}");
    assert!(refused.is_err());
    // Nor is it taken for the bank by who dials it.
    let till = start("till@localhost", authority.load("shop")?).await?;
    let deceived = till.connect(bank.name(), starlings::address(&thief).as_deref()).await;
    println!("a dial of the thief: {}", deceived.as_ref().err().ok_or("it was let in")?);

    // New files for a node that runs: they count from the next connection on.
    authority.certify("shop", "nobody@localhost")?;
    credentials.reload()?;
    assert!(shop.disconnect(bank.name()));
    let mistaken = bank.connect(shop.name(), at_shop.as_deref()).await;
    assert!(mistaken.is_err(), "that certificate is another node's");
    authority.certify("shop", "shop@localhost")?;
    credentials.reload()?;
    bank.connect(shop.name(), at_shop.as_deref()).await?;
    println!("{} is connected to {:?}", bank.name(), bank.nodes());

    for node in [shop, bank, thief, till] {
        node.shutdown().await;
    }
    Ok(())
}
