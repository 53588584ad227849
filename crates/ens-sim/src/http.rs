//! The HTTP face: one hyper server in front of the gateway.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cloud::Delivery;
use crate::dataplane::{ACCEPT_PAUSE, Bound, Dataplane};
use crate::page;
use crate::simulator::Shared;

/// The largest body that is read.
const BODY_LIMIT: usize = 1 << 20;

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the answer is lost on purpose")]
    Lost,
    #[error("the body could not be read")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Accepts connections until cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    dataplane: Option<Arc<Dataplane>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = serve_connection(
                    stream,
                    Arc::clone(&shared),
                    dataplane.clone(),
                    tasks.clone(),
                );
                let cancel = cancel.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = cancel.cancelled() => {}
                        () = connection => {}
                    }
                });
            }
            // Out of file descriptors, or a client that hung up: the next one may do better.
            Err(error) => {
                tracing::warn!(%error, "a connection to the endpoint was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    shared: Arc<Shared>,
    dataplane: Option<Arc<Dataplane>>,
    tasks: TaskTracker,
) {
    let service = service_fn(move |request| {
        answer(
            request,
            Arc::clone(&shared),
            dataplane.clone(),
            tasks.clone(),
        )
    });
    if let Err(error) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection to the endpoint ended early");
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    shared: Arc<Shared>,
    dataplane: Option<Arc<Dataplane>>,
    tasks: TaskTracker,
) -> Result<hyper::Response<Full<Bytes>>, NoAnswer> {
    if let Some(page) = page::wanted(&request) {
        let bound = dataplane.map_or_else(Bound::new, |dataplane| dataplane.all_bound());
        let text = {
            let now = shared.now();
            let mut gateway = shared.gateway();
            gateway.cloud_mut().settle(now);
            page.render(gateway.cloud(), &bound, now)
        };
        let mut response = hyper::Response::new(Full::new(Bytes::from(text)));
        let kind = hyper::header::HeaderValue::from_static(page.content_type());
        response
            .headers_mut()
            .insert(hyper::header::CONTENT_TYPE, kind);
        return Ok(response);
    }
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT)
        .collect()
        .await
        .map_err(NoAnswer::Body)?
        .to_bytes();
    let request = hyper::Request::from_parts(head, body);
    let reply = {
        let now = shared.now();
        shared.gateway().answer(&request, now)
    };
    // What the call changed at once is on the sockets and in the file before the caller reads its answer. In a task of
    // its own: a caller that hangs up ends this function where it waits, and must not leave either half done.
    let follow = async move {
        if let Some(dataplane) = &dataplane {
            dataplane.reconcile().await;
        }
        shared.keep().await;
        shared.announce();
    };
    // A task that panicked has said so.
    let _ended = tasks.spawn(follow).await;
    match reply.delivery {
        Delivery::Now => {}
        Delivery::After(wait) => tokio::time::sleep(wait).await,
        Delivery::Lost => return Err(NoAnswer::Lost),
    }
    Ok(reply.response.map(Full::new))
}
