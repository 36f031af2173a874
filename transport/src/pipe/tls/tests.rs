//! Who is let in, who is not, and what both ends are told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::*;
use crate::greet::HANDSHAKE_TIMEOUT;
use crate::pipe::tests::authority::{Authority, Files, localhost};
use crate::pipe::{Binding, TcpPipe};

mod openssl;

/// After this long, what a test waits for does not come.
const PATIENCE: Duration = Duration::from_secs(20);

const ANY: &str = "127.0.0.1:0";

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it ends")
}

/// What becomes of a dial: a byte passes both ways, or what the dialler is told.
async fn try_dial(pipe: &TlsPipe, listener: &dyn PipeListener) -> Result<(), String> {
    let served = async {
        loop {
            let mut accepted = listener.accept().await.unwrap();
            accepted.write.write_all(b"y").await.unwrap();
            accepted.write.flush().await.unwrap();
            let _ = accepted.read.read_u8().await;
        }
    };
    let dialled = async {
        let dialled = pipe.dial(&listener.local_address()).await;
        let mut dialled = dialled.map_err(|error| match error {
            DialError::Handshake(why) => why,
            DialError::BadAddress(_) | DialError::Unreachable(_) => panic!("{error:?}"),
        })?;
        let read = dialled.read.read_u8().await;
        read.map(drop).map_err(|error| error.to_string())
    };
    tokio::select! {
        () = within(served) => unreachable!("it serves for ever"),
        outcome = dialled => outcome,
    }
}

#[tokio::test]
async fn certificates_that_are_not_good_are_refused_and_it_is_said_why() {
    let (ours, foreign) = (Authority::new(), Authority::new());
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    let only = |usage: ExtendedKeyUsagePurpose| {
        move |params: &mut CertificateParams| params.extended_key_usages = vec![usage]
    };
    let here = &["127.0.0.1"];
    let stranger = {
        // A certificate that is not ours, and trust in ours.
        let mut files = foreign.node("stranger", here);
        files.authorities = ours.pem();
        files
    };
    let good = ours.node("good", here);
    let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let both = ours.node_with("both", here, |params| params.extended_key_usages = both.into());
    let expired = ours.node_with("expired", here, expired);
    let early = ours.node_with("early", here, early);
    let server = ours.node_with("server", here, only(ExtendedKeyUsagePurpose::ServerAuth));
    let client = ours.node_with("client", here, only(ExtendedKeyUsagePurpose::ClientAuth));
    let other = ours.node("other", &["elsewhere.example.org", "127.0.0.2"]);
    let by_name = [Binding::Authority, Binding::Host, Binding::Node];
    // Who dials, who listens, and what the dialler is told.
    let table = [
        (&good, &good, Ok(())),
        (&both, &both, Ok(())),
        (&client, &server, Ok(())),
        (&good, &stranger, Err("UnknownIssuer")),
        (&stranger, &good, Err("UnknownCA")),
        (&good, &expired, Err("certificate expired")),
        (&expired, &good, Err("CertificateExpired")),
        (&good, &early, Err("not valid yet")),
        (&early, &good, Err("CertificateExpired")),
        (&good, &client, Err("certificate does not allow extended key usage")),
        (&server, &good, Err("UnsupportedCertificate")),
        // Who dials is not asked for a host.
        (&other, &good, Ok(())),
    ];
    for (dials, listens, expected) in table {
        for binding in [Binding::Address].into_iter().chain(by_name) {
            let case = (binding, &dials.certificate, &listens.certificate);
            assert_told(case, tried(dials, binding, listens).await, expected);
        }
    }
    // The address counts by default, and otherwise does not.
    let case = (Binding::Address, &good.certificate, &other.certificate);
    let outcome = tried(&good, Binding::Address, &other).await;
    assert_told(case, outcome, Err("not valid for name"));
    for binding in by_name {
        let case = (binding, &good.certificate, &other.certificate);
        assert_told(case, tried(&good, binding, &other).await, Ok(()));
    }
}

async fn tried(dials: &Files, binding: Binding, listens: &Files) -> Result<(), String> {
    let listener = TlsPipe::new(listens.load().bind(binding)).listen(ANY).await.unwrap();
    try_dial(&TlsPipe::new(dials.load().bind(binding)), &*listener).await
}

fn assert_told(
    case: (Binding, &PathBuf, &PathBuf),
    outcome: Result<(), String>,
    expected: Result<(), &str>,
) {
    match (&outcome, expected) {
        (Ok(()), Ok(())) => {}
        (Err(told), Err(part)) if told.contains(part) => {}
        _ => panic!("{case:?}: {outcome:?}"),
    }
}

/// Goal: a certificate is not believed without its key, whoever checks it.
#[tokio::test]
async fn certificate_without_its_key_is_refused() {
    let authority = Authority::new();
    let (stolen, own) = (authority.node("stolen", &["127.0.0.1"]), authority.node("own", &[]));
    let chain = vec![CertificateDer::from_pem_file(stolen.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(own.key).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let thief = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(thief));
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind(ANY).await.unwrap());
    let address = listener.local_addr().unwrap().to_string();
    for binding in [Binding::Address, Binding::Authority, Binding::Node] {
        let pipe = TlsPipe::new(localhost(&authority, "good").bind(binding));
        let thief = async { acceptor.accept(listener.accept().await.unwrap().0).await };
        let (dialled, _) = within(async { tokio::join!(pipe.dial(&address), thief) }).await;
        match dialled {
            Err(DialError::Handshake(why)) => assert!(why.contains("BadSignature"), "{why}"),
            dialled => panic!("{binding:?}: {dialled:?}"),
        }
    }
}

#[tokio::test]
async fn dialler_without_a_certificate_is_refused() {
    let authority = Authority::new();
    let listener = TlsPipe::new(localhost(&authority, "a")).listen(ANY).await.unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.pem()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let dialled = async {
        let stream = TcpStream::connect(listener.local_address()).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        // It is refused already, and still may write: a failed write would hide what it is told.
        stream.get_ref().0.readable().await.unwrap();
        for _ in 0..2 {
            stream.write_all(b"let me in").await.unwrap();
            stream.flush().await.unwrap();
        }
        stream.read_u8().await.unwrap_err().to_string()
    };
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        told = within(dialled) => assert!(told.contains("CertificateRequired"), "{told}"),
    }
}

/// Goal: what is not TLS ends on both ends, and the listener goes on.
#[tokio::test]
async fn plain_bytes_are_refused_both_ways() {
    let authority = Authority::new();
    let pipe = TlsPipe::new(localhost(&authority, "a"));
    let listener = pipe.listen(ANY).await.unwrap();
    let plain = async {
        let mut stream = TcpStream::connect(listener.local_address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await.unwrap();
        // A record of type 21, an alert.
        assert_eq!(told.first(), Some(&21));
    };
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        () = within(plain) => {}
    }
    within(try_dial(&pipe, &*listener)).await.unwrap();

    let listener = TcpPipe.listen(ANY).await.unwrap();
    let plain = async {
        let mut accepted = listener.accept().await.unwrap();
        accepted.write.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await.unwrap();
        let _ = accepted.read.read_to_end(&mut Vec::new()).await;
    };
    let (dialled, ()) =
        within(async { tokio::join!(pipe.dial(&listener.local_address()), plain) }).await;
    assert!(matches!(dialled, Err(DialError::Handshake(_))), "{dialled:?}");
}

/// Goal: a handshake that never comes is given up. Method: virtual time.
#[tokio::test(start_paused = true)]
async fn silent_dialler_is_closed_after_the_handshake_timeout() {
    let authority = Authority::new();
    let listener = TlsPipe::new(localhost(&authority, "a")).listen(ANY).await.unwrap();
    let start = Instant::now();
    let mut silent = TcpStream::connect(listener.local_address()).await.unwrap();
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        read = silent.read_u8() => assert!(read.is_err()),
    }
    assert!(start.elapsed() >= HANDSHAKE_TIMEOUT);
}

/// Goal: a node changes certificate and authority while it runs. Method: the listener and the dialler
/// are the same from start to end.
#[tokio::test]
async fn reload_counts_from_the_next_connection_on() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = old.node("a", &["127.0.0.1"]);
    let credentials = files.load();
    let listener = TlsPipe::new(credentials.clone()).listen(ANY).await.unwrap();
    let of_old = TlsPipe::new(localhost(&old, "old"));
    let of_new = TlsPipe::new(localhost(&new, "new"));
    let local = listener.local_address();
    let (open, accepted) = tokio::join!(of_old.dial(&local), listener.accept());
    let (mut open, mut accepted) = (open.unwrap(), accepted.unwrap());
    assert!(try_dial(&of_new, &*listener).await.is_err());

    std::fs::write(&files.key, "no key").unwrap();
    assert!(credentials.reload().is_err());
    within(try_dial(&of_old, &*listener)).await.expect("what was loaded is still in force");

    let fresh = new.node("a", &["127.0.0.1"]);
    std::fs::copy(fresh.certificate, &files.certificate).unwrap();
    assert!(credentials.reload().is_err(), "the key is that of another certificate");
    std::fs::copy(fresh.key, &files.key).unwrap();
    std::fs::copy(new.pem(), &files.authorities).unwrap();
    credentials.reload().unwrap();
    within(try_dial(&of_new, &*listener)).await.unwrap();
    assert!(try_dial(&of_old, &*listener).await.is_err());

    open.write.write_all(b"x").await.unwrap();
    open.write.flush().await.unwrap();
    assert_eq!(accepted.read.read_u8().await.unwrap(), b'x', "what is open stays open");
}
