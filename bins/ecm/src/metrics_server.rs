//! `/metrics`, `/healthz` and `/readyz` of `ecm run`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What Prometheus asks for, and what prometheus-client writes
/// (OpenMetrics specification 1.0.0, section "ABNF and content type").
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where to listen, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(Option<SocketAddr>);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        // As other controllers have it: ":8080" is every address of the machine.
        let full = match text.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => text.to_owned(),
        };
        let address = full
            .parse()
            .map_err(|_| "IP:PORT, :PORT for every address, or off".to_owned())?;
        Ok(Self(Some(address)))
    }
}

/// Serves until the process ends; gives the address. `synced` decides about `/readyz`.
pub(crate) async fn serve(
    address: Address,
    registry: Registry,
    synced: watch::Receiver<bool>,
) -> Result<()> {
    let Some(address) = address.0 else {
        return Ok(());
    };
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("listening on {address} for /metrics (--metrics-addr IP:PORT, or off)")
    })?;
    let address = listener.local_addr().context("listening for /metrics")?;
    tracing::info!(%address, "serving /metrics, /healthz and /readyz");
    let registry = Arc::new(registry);
    tokio::spawn(async move {
        loop {
            // What fails here is about one connection, or passes (too many open files).
            let Ok((stream, _)) = listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            let (registry, synced) = (registry.clone(), synced.clone());
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let path = request.uri().path();
                let response = answer(request.method(), path, &registry, *synced.borrow());
                async { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok(())
}

fn answer(method: &Method, path: &str, registry: &Registry, is_synced: bool) -> Response<String> {
    let (status, content_type, body) = match path {
        _ if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only\n".into())
        }
        "/metrics" => {
            let mut text = String::new();
            match encode(&mut text, registry) {
                Ok(()) => (StatusCode::OK, OPEN_METRICS, text),
                Err(error) => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    TEXT,
                    format!("{error}\n"),
                ),
            }
        }
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".into()),
        "/readyz" if is_synced => (StatusCode::OK, TEXT, "ok\n".into()),
        "/readyz" => (
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "the cluster's objects have not been listed yet\n".into(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            TEXT,
            "/metrics, /healthz or /readyz\n".into(),
        ),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port_alone_or_off() {
        let parse = |text: &str| text.parse::<Address>().map(|a| a.0.map(|a| a.to_string()));
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(parse(":8080"), Ok(Some("0.0.0.0:8080".to_owned())));
        assert_eq!(parse("[::1]:1"), Ok(Some("[::1]:1".to_owned())));
        assert!(parse("localhost").is_err());
    }

    #[test]
    fn a_replica_is_ready_when_it_has_listed_and_healthy_before() {
        let registry = Registry::default();
        let status = |path, synced| answer(&Method::GET, path, &registry, synced).status();
        assert_eq!(status("/healthz", false), StatusCode::OK);
        assert_eq!(status("/readyz", false), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/readyz", true), StatusCode::OK);
        assert_eq!(status("/", true), StatusCode::NOT_FOUND);
        let post = answer(&Method::POST, "/metrics", &registry, true);
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
