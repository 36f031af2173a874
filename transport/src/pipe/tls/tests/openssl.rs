//! The same over the openssl program, which shares no code with what we use.

use std::path::Path;
use std::process::Output;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::{ANY, TlsPipe, within};
use crate::pipe::tests::authority::{Authority, Files, openssl};
use crate::pipe::{Credentials, DialError, Pipe, PipeListener};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn show(command: &mut Command, files: &Files) {
    command.args(["-cert", text(&files.certificate), "-key", text(&files.key)]);
}

/// Lets `openssl s_client` connect with these options, and waits for its end.
async fn refused(listener: &dyn PipeListener, options: &[&str], files: Option<&Files>) -> String {
    let mut client = openssl().unwrap();
    client.args(["s_client", "-connect", &listener.local_address()]).args(options);
    if let Some(files) = files {
        show(&mut client, files);
    }
    let mut client = client.spawn().unwrap();
    // Kept: at the end of its input it would leave before it is told.
    let _stdin = client.stdin.take();
    let Output { stderr, .. } = tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        output = within(client.wait_with_output()) => output.unwrap(),
    };
    String::from_utf8_lossy(&stderr).into_owned()
}

#[tokio::test]
async fn s_client_talks_to_our_listener() {
    let Some(mut client) = openssl() else { return };
    let authority = Authority::new();
    let files = authority.node("a", &["127.0.0.1"]);
    let listener = TlsPipe::new(files.load()).listen(ANY).await.unwrap();
    client.args(["s_client", "-quiet", "-verify_return_error", "-verify_ip", "127.0.0.1"]);
    client.args(["-connect", &listener.local_address(), "-CAfile", text(&authority.pem())]);
    show(&mut client, &authority.node("theirs", &[]));
    let mut client = client.spawn().unwrap();
    let mut accepted = within(listener.accept()).await.unwrap();
    let sent: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();

    let mut stdin = client.stdin.take().unwrap();
    let theirs = async {
        stdin.write_all(&sent).await.unwrap();
        stdin.flush().await.unwrap();
    };
    let mut received = vec![0; sent.len()];
    let ours = accepted.read.read_exact(&mut received);
    within(async { tokio::join!(theirs, ours) }).await.1.unwrap();
    assert!(received == sent);

    let ours = async {
        accepted.write.write_all(&sent).await.unwrap();
        accepted.write.shutdown().await.unwrap();
    };
    let mut stdout = client.stdout.take().unwrap();
    let mut printed = Vec::new();
    within(async { tokio::join!(ours, stdout.read_to_end(&mut printed)) }).await.1.unwrap();
    assert!(printed == sent);
    assert!(within(client.wait()).await.unwrap().success(), "it saw an end in order");
}

#[tokio::test]
async fn s_client_is_refused_where_it_must_be() {
    if openssl().is_none() {
        return;
    }
    let (authority, foreign) = (Authority::new(), Authority::new());
    let files = authority.node("a", &["127.0.0.1"]);
    let listener = TlsPipe::new(files.load()).listen(ANY).await.unwrap();
    let stranger = foreign.node("stranger", &["127.0.0.1"]);
    let table: [(&[&str], Option<&Files>, &str); 3] = [
        (&["-tls1_2"], Some(&files), "alert protocol version"),
        (&[], None, "alert certificate required"),
        (&[], Some(&stranger), "alert unknown ca"),
    ];
    for (options, files, expected) in table {
        let told = refused(&*listener, options, files).await;
        assert!(told.contains(expected), "{options:?}: {told}");
    }
}

/// A server that turns each line around, with where it listens.
async fn s_server(files: &Files, options: &[&str]) -> Option<(tokio::process::Child, String)> {
    let mut server = openssl()?;
    server.args(["s_server", "-rev", "-accept", "127.0.0.1:0"]).args(options);
    server.args(["-Verify", "2", "-verify_return_error", "-CAfile", text(&files.authorities)]);
    show(&mut server, files);
    let mut server = server.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.as_mut().unwrap()).lines();
    loop {
        let line = within(lines.next_line()).await.unwrap().expect("it says where it listens");
        if let Some(address) = line.strip_prefix("ACCEPT ") {
            return Some((server, address.to_owned()));
        }
    }
}

#[tokio::test]
async fn our_dialler_talks_to_s_server() {
    let authority = Authority::new();
    let files = authority.node("theirs", &["127.0.0.1"]);
    let Some((_server, address)) = s_server(&files, &["-tls1_3"]).await else { return };
    let pipe = TlsPipe::new(authority.node("a", &[]).load());
    let mut dialled = within(pipe.dial(&address)).await.unwrap();
    dialled.write.write_all(b"sgnilrats\n").await.unwrap();
    dialled.write.flush().await.unwrap();
    let mut line = [0; 10];
    within(dialled.read.read_exact(&mut line)).await.unwrap();
    assert_eq!(&line, b"starlings\n");
}

#[tokio::test]
async fn s_server_is_refused_where_it_must_be() {
    let (authority, foreign) = (Authority::new(), Authority::new());
    let pipe = TlsPipe::new(authority.node("a", &[]).load());
    let (ours, theirs) = (authority.node("b", &["127.0.0.1"]), foreign.node("b", &["127.0.0.1"]));
    let elsewhere = authority.node("c", &["elsewhere.example.org"]);
    let table: [(&Files, &[&str], &str); 3] = [
        (&ours, &["-tls1_2"], "ProtocolVersion"),
        (&theirs, &[], "UnknownIssuer"),
        (&elsewhere, &[], "not valid for name"),
    ];
    for (files, options, expected) in table {
        let Some((_server, address)) = s_server(files, options).await else { return };
        match within(pipe.dial(&address)).await {
            Err(DialError::Handshake(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{options:?}: {other:?}"),
        }
    }
}

/// Goal: the commands of `docs/pipes.md` make certificates that work, with each kind of key.
#[tokio::test]
async fn certificates_made_by_openssl_work() {
    let Some(_) = openssl() else { return };
    let manual = include_str!("../../../../../docs/pipes.md");
    let commands = manual.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let commands = commands.expect("the first block of commands makes certificates");
    let keys =
        ["ec -pkeyopt ec_paramgen_curve:P-256", "ed25519", "rsa -pkeyopt rsa_keygen_bits:2048"];
    assert!(commands.contains(keys[0]));
    for key in keys {
        let folder = tempfile::tempdir().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &commands.replace(keys[0], key)]).current_dir(folder.path());
        let output = within(shell.output()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = |name| folder.path().join(name);
        let load = Credentials::load(path("node.pem"), path("node.key"), path("ca.pem"));
        let credentials = load.unwrap().bind(crate::pipe::Binding::Node);
        let pipe = TlsPipe::new(credentials);
        let listener = pipe.listen(ANY).await.unwrap();
        let local = listener.local_address();
        let (dialled, accepted) =
            within(async { tokio::join!(pipe.dial(&local), listener.accept()) }).await;
        for end in [dialled.unwrap(), accepted.unwrap()] {
            assert!(end.allows(&"shop@h1.example.org".parse().unwrap()), "{end:?}");
            assert!(!end.allows(&"shop@h2.example.org".parse().unwrap()), "{end:?}");
        }
    }
}
