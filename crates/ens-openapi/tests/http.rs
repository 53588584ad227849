//! The real transport against real sockets on this machine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ens_openapi::client::{ClientBuilder, Deadlines, RetryPolicy};
use ens_openapi::transport::Proxy;
use ens_openapi::{Client, Credentials, Effect, Error, HyperTransport, Params, StaticCredentials};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

const WRITE: &str = "CreateEipInstance";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"RequestId\":\"R\"}";

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn client(endpoint: impl std::fmt::Display) -> ClientBuilder {
    Client::builder(StaticCredentials::new(Credentials::new("id", "secret")))
        .endpoint(endpoint.to_string())
        .retry(RetryPolicy::NEVER)
}

/// Reads one request without a body, up to its blank line.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap() == 0 {
            break;
        }
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap()
}

/// Answers one request with these bytes and closes the connection. Gives the request.
async fn serve_once(answer: &str) -> (SocketAddr, JoinHandle<String>) {
    let (listener, address) = listen().await;
    let answer = answer.to_owned();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    (address, server)
}

/// Calls a server that gives these bytes.
async fn call(answer: &str) -> Result<serde_json::Value, Error> {
    let (address, server) = serve_once(answer).await;
    let transport = HyperTransport::builder().max_answer(1024).build().unwrap();
    let client = client(format!("http://{address}"))
        .transport(transport)
        .build()
        .unwrap();
    let result = client.call(WRITE, &Params::new()).await;
    server.await.unwrap();
    result
}

#[tokio::test]
async fn a_request_goes_out_as_it_was_signed() {
    let (address, server) = serve_once(OK).await;
    let client = client(format!("http://{address}")).build().unwrap();
    client
        .call(WRITE, &Params::new().with("Name", "a b/é*~"))
        .await
        .unwrap();
    let request = server.await.unwrap().to_ascii_lowercase();
    assert!(
        request.starts_with("post /?name=a%20b%2f%c3%a9%2a~ http/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("\r\nhost: {address}\r\n")),
        "{request}"
    );
    assert_eq!(request.matches("\r\nhost:").count(), 1, "{request}");
    assert!(request.contains("\r\ncontent-length: 0\r\n"), "{request}");
    assert!(
        request.contains("\r\nauthorization: acs3-hmac-sha256 credential=id,signedheaders=host;"),
        "{request}"
    );
    assert!(!request.contains("content-type"), "{request}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_the_effect_open() {
    let error = call("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"RequestId\":\"R\"")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Ambiguous);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_leaves_the_effect_open() {
    let error = call("").await.unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Ambiguous);
}

#[tokio::test]
async fn an_answer_that_is_not_http_leaves_the_effect_open() {
    let error = call("SSH-2.0-OpenSSH_9.9\r\n").await.unwrap_err();
    assert!(matches!(error, Error::Exchange { .. }), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_json_is_a_decode_error() {
    let error = call("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let announced = call("HTTP/1.1 200 OK\r\ncontent-length: 9000000000\r\n\r\n{")
        .await
        .unwrap_err();
    assert!(
        matches!(announced, Error::TooLarge { limit: 1024, .. }),
        "{announced:?}"
    );
    let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
        + &format!("100\r\n{}\r\n", "x".repeat(0x100)).repeat(5);
    let chunked = call(&endless).await.unwrap_err();
    assert!(
        matches!(chunked, Error::TooLarge { limit: 1024, .. }),
        "{chunked:?}"
    );
    assert_eq!(chunked.effect(), Effect::Ambiguous);
}

#[tokio::test]
async fn a_redirect_is_an_error_and_is_not_followed() {
    let error =
        call("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap_err();
    assert_eq!(error.status(), Some(302));
}

#[tokio::test]
async fn an_error_answer_comes_through_with_its_pause() {
    let error = call(
        "HTTP/1.1 400 Bad Request\r\nx-acs-retry-after: 1500\r\ncontent-length: 37\r\n\r\n\
         {\"Code\":\"Throttling\",\"RequestId\":\"R\"}",
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.code(), error.retry_after()),
        (Some("Throttling"), Some(Duration::from_millis(1500)))
    );
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    let (listener, address) = listen().await;
    drop(listener);
    let client = client(format!("http://{address}")).build().unwrap();
    let error = client.call(WRITE, &Params::new()).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::NotSent);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

/// The clock is paused and jumps to the next timer when nothing else can happen: nobody waits in real time.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_left_at_the_deadline() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let connection = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(connection);
    });
    let patient = HyperTransport::builder()
        .connect_deadline(Duration::from_secs(7200))
        .build()
        .unwrap();
    let deadlines = Deadlines {
        attempt: Duration::from_secs(3600),
        read: Duration::from_secs(3600),
    };
    let client = client(format!("http://{address}"))
        .transport(patient)
        .deadlines(deadlines)
        .build()
        .unwrap();
    let error = client.call(WRITE, &Params::new()).await.unwrap_err();
    server.abort();
    assert!(
        matches!(error, Error::Deadline { after, .. } if after == deadlines.attempt),
        "{error:?}"
    );
    assert_eq!(error.effect(), Effect::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn a_tls_handshake_that_never_ends_is_a_failed_connection() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    });
    let client = client(format!("https://{address}")).build().unwrap();
    let error = client.call(WRITE, &Params::new()).await.unwrap_err();
    server.abort();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::NotSent);
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    });
    let client = client(format!("http://{address}")).build().unwrap();
    for _ in 0..3 {
        client.call(WRITE, &Params::new()).await.unwrap();
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_and_the_client_goes_on() {
    let (listener, address) = listen().await;
    let client = client(format!("http://{address}")).build().unwrap();
    let dropped = {
        let client = client.clone();
        tokio::spawn(async move { client.call(WRITE, &Params::new()).await })
    };
    let (mut first, _) = listener.accept().await.unwrap();
    read_request(&mut first).await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    assert_eq!(
        first.read(&mut [0]).await.unwrap(),
        0,
        "the connection of the dropped call is closed"
    );

    let server = tokio::spawn(async move {
        let (mut second, _) = listener.accept().await.unwrap();
        read_request(&mut second).await;
        second.write_all(OK.as_bytes()).await.unwrap();
    });
    client.call(WRITE, &Params::new()).await.unwrap();
    server.await.unwrap();
}

/// Answers TLS connections with the certificate of the tests.
async fn serve_tls() -> (SocketAddr, JoinHandle<()>) {
    let certificate =
        CertificateDer::from_pem_slice(include_bytes!("data/tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("data/tls/server-key.pem")).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            read_request(&mut stream).await;
            stream.write_all(OK.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (address, server)
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_was_given() {
    let (address, server) = serve_tls().await;
    let transport = HyperTransport::builder()
        .certificate_authorities(include_bytes!("data/tls/ca.pem"))
        .build()
        .unwrap();
    let client = client(format!("https://{address}"))
        .transport(transport)
        .build()
        .unwrap();
    client.call(WRITE, &Params::new()).await.unwrap();
    server.abort();
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_stops_the_call_before_it_is_sent() {
    let (address, server) = serve_tls().await;
    let client = client(format!("https://{address}")).build().unwrap();
    let error = client.call(WRITE, &Params::new()).await.unwrap_err();
    server.abort();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::NotSent);
}

#[test]
fn authorities_that_are_none_are_refused_when_the_transport_is_built() {
    for (pem, expected) in [
        ("", "hold no certificate"),
        (
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n",
            "not PEM",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "authority 1",
        ),
    ] {
        let error = HyperTransport::builder()
            .certificate_authorities(pem)
            .build()
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// A proxy that serves one CONNECT: it passes the connection on to `target` whatever host is asked for, or refuses.
async fn serve_proxy(target: Option<SocketAddr>) -> (SocketAddr, JoinHandle<String>) {
    let (listener, address) = listen().await;
    let server = tokio::spawn(async move {
        let (mut inbound, _) = listener.accept().await.unwrap();
        let request = read_request(&mut inbound).await;
        let Some(target) = target else {
            let refusal = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
            inbound.write_all(refusal).await.unwrap();
            return request;
        };
        inbound
            .write_all(b"HTTP/1.1 200 Connected\r\n\r\n")
            .await
            .unwrap();
        let mut outbound = tokio::net::TcpStream::connect(target).await.unwrap();
        // It ends when either side closes, with an error or without.
        let _ = tokio::io::copy_bidirectional(&mut inbound, &mut outbound).await;
        request
    });
    (address, server)
}

fn proxied(proxy: SocketAddr) -> HyperTransport {
    HyperTransport::builder()
        .certificate_authorities(include_bytes!("data/tls/ca.pem"))
        .proxy(Some(
            Proxy::new(&format!("http://user:pass@{proxy}"), "").unwrap(),
        ))
        .build()
        .unwrap()
}

#[tokio::test]
async fn tls_goes_through_the_proxy_end_to_end() {
    let (server_address, server) = serve_tls().await;
    let (proxy_address, proxy) = serve_proxy(Some(server_address)).await;
    let transport = proxied(proxy_address);
    let client = client(format!("https://{server_address}"))
        .transport(transport)
        .build()
        .unwrap();
    client.call(WRITE, &Params::new()).await.unwrap();
    // The pool keeps the connection open as long as the client lives.
    drop(client);
    server.abort();
    let request = proxy.await.unwrap();
    let first = format!("CONNECT {server_address} HTTP/1.1\r\n");
    assert!(request.starts_with(&first), "{request}");
    assert!(
        request
            .to_lowercase()
            .contains("proxy-authorization: basic "),
        "{request}"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_means_that_nothing_was_sent() {
    let (proxy_address, proxy) = serve_proxy(None).await;
    let client = client("https://ens.example")
        .transport(proxied(proxy_address))
        .build()
        .unwrap();
    let error = client.call(WRITE, &Params::new()).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotSent, "{error:?}");
    assert!(proxy.await.unwrap().starts_with("CONNECT ens.example:443 "));
}
