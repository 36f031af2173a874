//! Requests, messages and addresses.

use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;

use super::*;
use crate::pipe::tests::cases::place;

mod proxies;

/// After this long, what a test waits for does not come.
const PATIENCE: Duration = Duration::from_secs(20);

const ANY: &str = "ws://127.0.0.1:0/cluster/a";

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it ends")
}

/// Connects by somebody else's hand, to a listener of ours.
async fn raw(listener: &dyn PipeListener) -> TcpStream {
    TcpStream::connect(place(&listener.local_address())).await.unwrap()
}

/// Sends a request; what is answered up to the empty line, or the end.
async fn ask(listener: &dyn PipeListener, request: &str) -> (TcpStream, String) {
    let mut stream = raw(listener).await;
    stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(_) => break,
        }
    }
    (stream, String::from_utf8(answer).unwrap())
}

const REQUEST: &str = "GET /cluster/a HTTP/1.1
Host: a.example.org
Upgrade: websocket
Connection: TE, Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Protocol: chat, starlings
Sec-WebSocket-Version: 13

";

/// Goal: we speak what RFC 6455 says. Method: the bytes of its sections 1.3 and 5.7.
#[tokio::test]
async fn bytes_on_the_wire_are_those_of_the_standard() {
    let listener = WebSocketPipe::new().listen(ANY).await.unwrap();
    let (asked, accepted) =
        within(async { tokio::join!(ask(&*listener, REQUEST), listener.accept()) }).await;
    let ((mut theirs, answer), mut ours) = (asked, accepted.unwrap());
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    let answer = answer.to_lowercase();
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{answer}");
    assert!(answer.contains("sec-websocket-protocol: starlings\r\n"), "{answer}");

    // "Hello" in two fragments with a ping between them, each masked; then the end.
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    for (head, payload) in
        [(0x02, &b"Hel"[..]), (0x89, b"?"), (0x80, b"lo"), (0x82, b""), (0x82, b"beyond the end")]
    {
        let mut frame = vec![head, 0x80 | u8::try_from(payload.len()).unwrap()];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        theirs.write_all(&frame).await.unwrap();
    }
    let mut heard = Vec::new();
    within(ours.read.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"Hello");
    ours.write.write_all(b"Hello").await.unwrap();
    ours.write.shutdown().await.unwrap();
    assert!(ours.write.write_all(b"more").await.is_err());
    let mut frames = [0; 12];
    within(theirs.read_exact(&mut frames)).await.unwrap();
    assert_eq!(&frames, b"\x8a\x01?\x82\x05Hello\x82\x00", "a pong, a message, the end");
}

#[tokio::test]
async fn requests_that_are_for_something_else_are_refused() {
    let listener = WebSocketPipe::new().listen(ANY).await.unwrap();
    let table = [
        (REQUEST.replace("/cluster/a", "/"), "HTTP/1.1 404 "),
        (REQUEST.replace("/cluster/a", "/cluster/a/b"), "HTTP/1.1 404 "),
        (REQUEST.replace("/cluster/a", "/cluster/a?b"), "HTTP/1.1 404 "),
        (REQUEST.replace("starlings", "superchat"), "HTTP/1.1 400 "),
        (REQUEST.replace("Upgrade: websocket\n", ""), ""),
        (REQUEST.replace("Version: 13", "Version: 8"), ""),
        (format!("GET / HTTP/1.1\nHost: a\nX: {}\n\n", "x".repeat(1 << 20)), ""),
        ("SSH-2.0-OpenSSH_9.9\n\n".to_owned(), ""),
    ];
    for (request, answer) in table {
        let told = tokio::select! {
            accepted = listener.accept() => panic!("{accepted:?}"),
            (_, told) = within(ask(&*listener, &request)) => told,
        };
        assert!(told.starts_with(answer) && !told.contains(" 101 "), "{told}");
    }
    let pipe = WebSocketPipe::new();
    let local = listener.local_address();
    let (dialled, accepted) =
        within(async { tokio::join!(pipe.dial(&local), listener.accept()) }).await;
    assert!(dialled.is_ok() && accepted.is_ok());
    let elsewhere = local.replace("/cluster/a", "/cluster/b");
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        dialled = within(pipe.dial(&elsewhere)) => match dialled {
            Err(DialError::Handshake(why)) => assert!(why.contains("404"), "{why}"),
            dialled => panic!("{dialled:?}"),
        }
    }
}

/// What a reader of ours is told after these messages.
async fn read_after(messages: Vec<tokio_tungstenite::tungstenite::Message>) -> io::Error {
    let listener = WebSocketPipe::new().listen(ANY).await.unwrap();
    let uri = listener.local_address().parse().unwrap();
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(SUBPROTOCOL);
    let stream = raw(&*listener).await;
    let theirs = tokio_tungstenite::client_async(request, stream);
    let (theirs, ours) = within(async { tokio::join!(theirs, listener.accept()) }).await;
    let (mut theirs, mut ours): (WebSocketStream<_>, _) = (theirs.unwrap().0, ours.unwrap());
    let mut received = Vec::new();
    let send = async {
        for message in messages {
            // The last of them may find the connection broken.
            let _ = theirs.send(message).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = send => unreachable!(),
        read = within(ours.read.read_to_end(&mut received)) => {
            read.expect_err(&format!("{received:?} is not all"))
        }
    }
}

#[tokio::test]
async fn messages_that_are_no_bytes_break_the_stream() {
    use tokio_tungstenite::tungstenite::Message;
    let sized = |bytes: usize| Message::binary(vec![7; bytes]);
    let table = [
        (vec![sized(1), Message::text("hello")], io::ErrorKind::InvalidData),
        (vec![sized(1), Message::Close(None)], io::ErrorKind::UnexpectedEof),
        (vec![sized(MESSAGE_BYTES_READ_MAX), Message::Close(None)], io::ErrorKind::UnexpectedEof),
        (vec![sized(MESSAGE_BYTES_READ_MAX + 1)], io::ErrorKind::InvalidData),
    ];
    for (number, (messages, kind)) in table.into_iter().enumerate() {
        let told = read_after(messages).await;
        assert_eq!(told.kind(), kind, "{number}: {told}");
    }
}

#[test]
fn addresses_are_urls() {
    let good = [
        ("ws://a.example.org", "a.example.org:80", "/"),
        ("wss://a.example.org/", "a.example.org:443", "/"),
        ("ws://127.0.0.1:8080/cluster/a", "127.0.0.1:8080", "/cluster/a"),
        ("ws://[::1]/x", "[::1]:80", "/x"),
        ("ws://[::1]:8080?x=/y", "[::1]:8080", "/?x=/y"),
    ];
    for (address, place, path) in good {
        let url = Url::parse(address).unwrap();
        assert_eq!((&*url.place, url.uri.path_and_query().unwrap().as_str()), (place, path));
        assert_eq!(url.is_secure, address.starts_with("wss"));
    }
    let pipe = WebSocketPipe::new();
    let bad = [
        "h:80",
        "http://h",
        "WS://h",
        "ws:h",
        "ws://",
        "ws:///path",
        "ws://:80",
        "ws://h:0",
        "ws://h:99999",
        "ws://h:x/",
        "ws://me@h/",
        "ws://h/#there",
        "ws://h/a b",
        "ws://a\r\nb/",
        "wss://h",
    ];
    for address in bad {
        assert!(pipe.check(address).is_err(), "{address}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn secure_and_plain_addresses_are_not_mixed_up() {
    use crate::pipe::tests::authority::{Authority, localhost};
    let authority = Authority::new();
    let credentials = localhost(&authority, "a");
    let secure = |binding| WebSocketPipe::secure(credentials.clone().bind(binding));
    let plain = WebSocketPipe::new();
    let pipe = secure(Binding::Address);
    assert!(pipe.check("wss://127.0.0.1/").is_ok());
    assert!(pipe.check("ws://127.0.0.1/").is_err());
    assert!(plain.listen("wss://127.0.0.1:0").await.is_err());
    assert!(secure(Binding::Authority).listen(ANY).await.is_ok());
    assert!(pipe.listen(ANY).await.is_ok());
    assert!(secure(Binding::Host).listen(ANY).await.is_err());
    assert!(secure(Binding::Node).listen(ANY).await.is_err());

    // The identity is that of the certificate, and a certificate of others does not do.
    let pipe = secure(Binding::Node);
    let listener = pipe.listen("wss://127.0.0.1:0").await.unwrap();
    let local = listener.local_address();
    let (dialled, accepted) =
        within(async { tokio::join!(pipe.dial(&local), listener.accept()) }).await;
    for end in [dialled.unwrap(), accepted.unwrap()] {
        assert!(!end.allows(&"a@127.0.0.1".parse().unwrap()), "no name is in the certificate");
    }
    let stranger = WebSocketPipe::secure(localhost(&Authority::new(), "b"));
    tokio::select! {
        accepted = listener.accept() => panic!("{accepted:?}"),
        dialled = within(stranger.dial(&local)) => match dialled {
            Err(DialError::Handshake(why)) => assert!(why.contains("UnknownIssuer"), "{why}"),
            dialled => panic!("{dialled:?}"),
        }
    }
}
