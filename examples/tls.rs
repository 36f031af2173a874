//! Nodes over TLS: who is let in, and a certificate that changes while its node runs.
//!
//! A program would get its files from its operators; here the `openssl` program makes them, as in
//! `docs/pipes.md`.

#[path = "common/until.rs"]
mod until;

use std::path::Path;
use std::process::Command;

use starlings::pipe::{Binding, Credentials, TlsPipe};
use starlings::prelude::*;
use until::until;

type Failure = Box<dyn std::error::Error>;

/// Makes certificates in a folder, which is removed with it.
struct Authority<'a>(&'a Path);

impl<'a> Authority<'a> {
    fn new(folder: &'a Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(folder)?;
        let authority = Self(folder);
        authority.openssl("genpkey -algorithm ed25519 -out ca.key")?;
        authority.openssl("req -x509 -new -key ca.key -subj /CN=authority -days 1 -out ca.pem")?;
        Ok(authority)
    }

    /// Writes `FILE.pem` and `FILE.key`, for the node with this name.
    fn certify(&self, file: &str, node: &str) -> Result<(), Failure> {
        let names = format!("-addext subjectAltName=URI:starlings://{node}");
        self.openssl(&format!("genpkey -algorithm ed25519 -out {file}.key"))?;
        self.openssl(&format!("req -new -key {file}.key -subj /CN={file} {names} -out csr"))?;
        let ca = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -copy_extensions copyall";
        self.openssl(&format!("x509 -req -in csr {ca} -out {file}.pem"))
    }

    fn load(&self, file: &str) -> Result<Credentials, Failure> {
        let path = |name| self.0.join(name);
        let (certificate, key) = (path(format!("{file}.pem")), path(format!("{file}.key")));
        Ok(Credentials::load(certificate, key, path("ca.pem".to_owned()))?.bind(Binding::Node))
    }

    fn openssl(&self, arguments: &str) -> Result<(), Failure> {
        let output =
            Command::new("openssl").args(arguments.split(' ')).current_dir(self.0).output();
        let output = output.map_err(|error| format!("openssl: {error}"))?;
        let told = || format!("openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(()) } else { Err(told().into()) }
    }
}

impl Drop for Authority<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0);
    }
}

async fn start(name: &str, credentials: Credentials) -> Result<Node, Failure> {
    let builder = Node::builder(name).pipe(TlsPipe::new(credentials)).cookie("example cookie");
    Ok(builder.listen("127.0.0.1:0").start().await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("starlings-tls-{}", std::process::id()));
    let authority = Authority::new(&folder)?;
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
    let connects = async || bank.connect(shop.name(), at_shop.as_deref()).await.is_ok();
    until("the bank refuses a certificate that is not the shop's", async || !connects().await)
        .await?;
    authority.certify("shop", "shop@localhost")?;
    credentials.reload()?;
    assert!(connects().await);
    println!("{} is connected to {:?}", bank.name(), bank.nodes());

    for node in [shop, bank, thief, till] {
        node.shutdown().await;
    }
    Ok(())
}
