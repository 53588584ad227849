//! The API servers that are checked.

use std::path::Path;

use anyhow::{Context as _, Result};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use kube_conformance::{Connect, Credentials, Defect, Defective};
use kube_sim::{Clock, Cluster};
use tower::ServiceExt as _;

/// A cluster by its kubeconfig, whose user has to be an administrator.
pub(super) async fn cluster(kubeconfig: &Path) -> Result<Connect> {
    let read = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("read {}", kubeconfig.display()))?;
    let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    // A refusal is an answer: it is looked at and not tried again.
    config.default_retry = false;
    // Watches here are quiet for a while and not broken.
    config.read_timeout = None;
    let admin = Client::try_from(config.clone())?;
    Ok(Connect::new(move |credentials| match credentials {
        Credentials::Admin => Ok(admin.clone()),
        Credentials::Token(token) => {
            let mut config = config.clone();
            config.auth_info = AuthInfo {
                token: Some(token.clone().into()),
                ..AuthInfo::default()
            };
            Client::try_from(config).map_err(|error| error.to_string())
        }
    }))
}

const ADMIN_TOKEN: &str = "administrator";

/// A simulated cluster with its controllers, RBAC and a clock that only moves when nothing else can happen.
pub(super) fn simulation() -> Cluster {
    let start = "2026-01-01T00:00:00Z".parse().unwrap_or_default();
    let cluster = Cluster::builder()
        .clock(Clock::tokio(start))
        .enforce_rbac(ADMIN_TOKEN)
        .start();
    cluster.play();
    cluster
}

/// Clients of a simulated cluster, with the defect between them and it.
pub(super) fn connect_to_simulation(cluster: &Cluster, defect: Option<Defect>) -> Connect {
    let service = cluster.service();
    Connect::new(move |credentials| {
        // Whoever shows nothing is the administrator, as with a client certificate.
        let service =
            service
                .clone()
                .map_request(|mut request: http::Request<kube::client::Body>| {
                    let headers = request.headers_mut();
                    if !headers.contains_key(AUTHORIZATION) {
                        let token = format!("Bearer {ADMIN_TOKEN}");
                        headers.extend(
                            HeaderValue::from_str(&token).map(|value| (AUTHORIZATION, value)),
                        );
                    }
                    request
                });
        let header = match credentials.header() {
            None => None,
            Some((name, value)) => {
                let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
                Some((name, value))
            }
        };
        let show = move |mut request: http::Request<kube::client::Body>| {
            request.headers_mut().extend(header.clone());
            request
        };
        Ok(match defect {
            Some(defect) => {
                Client::new(Defective::new(service, defect).map_request(show), "default")
            }
            None => Client::new(service.map_request(show), "default"),
        })
    })
}
