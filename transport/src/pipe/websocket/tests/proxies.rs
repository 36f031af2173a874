//! Through a proxy, and behind one.

use tokio::sync::mpsc;

use super::super::proxy::PROXY_ANSWER_BYTES_MAX;
use super::*;

/// Reads up to the end of the headers.
async fn headers(stream: &mut TcpStream) -> String {
    let mut headers = Vec::new();
    while !headers.ends_with(b"\r\n\r\n") {
        headers.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(headers).unwrap()
}

/// A proxy for one connection after another: it answers this, and connects if that is a yes. With where
/// it listens, and the requests it got.
async fn proxy(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, requests) = mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let request = headers(&mut client).await;
            let target = request.split(' ').nth(1).unwrap().to_owned();
            sender.send(request).await.unwrap();
            client.write_all(answer.as_bytes()).await.unwrap();
            if answer.contains(" 200 ") {
                let mut server = TcpStream::connect(target).await.unwrap();
                tokio::spawn(async move {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }
    });
    (address, requests)
}

/// A byte passes both ways.
async fn talks(pipe: &WebSocketPipe, address: &str, listener: &dyn PipeListener) {
    let (dialled, accepted) =
        within(async { tokio::join!(pipe.dial(address), listener.accept()) }).await;
    let (mut one, mut other) = (dialled.unwrap(), accepted.unwrap());
    for _ in 0..2 {
        one.write.write_all(b"x").await.unwrap();
        one.write.flush().await.unwrap();
        assert_eq!(within(other.read.read_u8()).await.unwrap(), b'x');
        std::mem::swap(&mut one, &mut other);
    }
}

const YES: &str = "HTTP/1.1 200 Connection established\r\nVia: 1.1 somebody\r\n\r\n";

#[tokio::test]
async fn dials_go_through_a_proxy() {
    let listener = WebSocketPipe::new().listen(ANY).await.unwrap();
    let local = listener.local_address();
    let (address, mut requests) = proxy(YES).await;
    let pipe = WebSocketPipe::new().proxy(&address);
    talks(&pipe, &local, &*listener).await;
    let place = place(&local);
    let asked = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    assert_eq!(requests.recv().await.unwrap(), format!("{asked}\r\n"));

    let pipe = pipe.proxy_login("Aladdin", "open sesame");
    talks(&pipe, &local, &*listener).await;
    // The example of RFC 7617.
    let login = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert_eq!(requests.recv().await.unwrap(), format!("{asked}{login}\r\n"));
    assert!(!format!("{pipe:?}").contains("QWxh"), "{pipe:?}");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn secure_dials_go_through_a_proxy() {
    use crate::pipe::tests::authority::{Authority, localhost};
    let pipe = WebSocketPipe::secure(localhost(&Authority::new(), "a"));
    let listener = pipe.listen("wss://127.0.0.1:0/cluster/a").await.unwrap();
    let (address, mut requests) = proxy(YES).await;
    talks(&pipe.proxy(address), &listener.local_address(), &*listener).await;
    assert!(requests.recv().await.unwrap().starts_with("CONNECT 127.0.0.1:"));
}

#[tokio::test]
async fn proxies_that_say_no_are_quoted() {
    let target = "ws://127.0.0.1:9/";
    for (answer, told) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy"),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", "502 Bad"),
        ("HTTP/1.1 2000 Maybe\r\n\r\n", "2000 Maybe"),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "SSH"),
    ] {
        let (address, _requests) = proxy(answer).await;
        match within(WebSocketPipe::new().proxy(address).dial(target)).await {
            Err(DialError::Handshake(why)) => assert!(why.contains(told), "{why}"),
            other => panic!("{answer}: {other:?}"),
        }
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = within(WebSocketPipe::new().proxy(nobody.to_string()).dial(target)).await;
    assert!(matches!(refused, Err(DialError::Unreachable(_))), "{refused:?}");
    let refused = WebSocketPipe::new().proxy("http://proxy/").dial(target).await;
    assert!(matches!(refused, Err(DialError::BadAddress(_))), "{refused:?}");
}

/// Goal: the longest answer is taken, and one that never ends is not.
#[tokio::test]
async fn answer_of_a_proxy_is_bounded() {
    let padded = |bytes: usize| {
        let (head, tail) = ("HTTP/1.1 403 No\r\nX: ", "\r\n\r\n");
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    for (bytes, told) in [(PROXY_ANSWER_BYTES_MAX, "403"), (PROXY_ANSWER_BYTES_MAX + 1, "end")] {
        let (address, _requests) = proxy(padded(bytes).leak()).await;
        match within(WebSocketPipe::new().proxy(address).dial("ws://127.0.0.1:9/")).await {
            Err(DialError::Handshake(why)) => assert!(why.contains(told), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Goal: a node is reached at a path of somebody else's server. Method: a reverse proxy that strips the
/// path, as they are often told to, and names another host.
#[tokio::test]
async fn node_behind_a_reverse_proxy_is_reached() {
    let listener = WebSocketPipe::new().listen("ws://127.0.0.1:0").await.unwrap();
    let backend = place(&listener.local_address()).to_owned();
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ws://{}/clusters/shop/a", front.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut client, _) = front.accept().await.unwrap();
        let request = headers(&mut client).await;
        let request =
            request.replacen("/clusters/shop/a", "/a", 1).replacen("Host: ", "Host: x", 1);
        let mut server = TcpStream::connect(backend).await.unwrap();
        server.write_all(request.as_bytes()).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    talks(&WebSocketPipe::new(), &address, &*listener).await;
}
