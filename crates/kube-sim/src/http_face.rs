//! The HTTP/1.1 face for kubectl.

use std::net::SocketAddr;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::ApiService;

/// Out of file descriptors: trying again at once would only burn the processor.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// The face could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address asked for.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Only loopback addresses are served: there is no authentication.
    #[error(
        "{address} is not a loopback address; this API server has no authentication and is for this machine only"
    )]
    NotLoopback {
        /// The address asked for.
        address: SocketAddr,
    },
}

/// Serves `service` on `address` until `stop`; returns the address bound.
pub(crate) async fn serve(
    service: ApiService,
    address: &str,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let failed = |source| ServeError::Bind {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if !bound.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address: bound });
    }
    let connections = tasks.clone();
    tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (service, stop) = (service.clone(), stop.clone());
                    connections.spawn(async move {
                        let connection = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            .serve_connection(
                                TokioIo::new(stream),
                                TowerToHyperService::new(service),
                            );
                        tokio::select! {
                            () = stop.cancelled() => {}
                            result = connection => if let Err(error) = result {
                                tracing::debug!(%error, "connection ended");
                            },
                        }
                    });
                }
                // Out of file descriptors or a peer that left: neither is a reason to stop serving.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    Ok(bound)
}

/// A kubeconfig for the face at `address`. YAML is a superset of JSON, which needs no quoting rules.
pub(crate) fn kubeconfig(address: SocketAddr, token: Option<&str>) -> String {
    let name = "kube-sim";
    let user = match token {
        Some(token) => serde_json::json!({"token": token}),
        None => serde_json::json!({}),
    };
    let config = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "users": [{"name": name, "user": user}],
    });
    format!("{config:#}\n")
}
