//! A running control plane.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use crate::binaries::{Binaries, ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER};
pub use crate::credentials::User;
use crate::credentials::{Credentials, CredentialsError, write};
use crate::processes::Processes;

/// How long a start may take on a busy machine. 6 seconds are usual on two idle cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often the API server is asked whether it is ready.
const LOOK: Duration = Duration::from_millis(100);

/// Who did what, without bodies.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
";

/// etcd, kube-apiserver and kube-controller-manager on loopback, gone when dropped.
pub struct ControlPlane {
    processes: Processes,
    credentials: Credentials,
    server: SocketAddr,
    /// Bound and never listening: keeps the port for the API server, which shares it.
    _port: Socket,
}

/// Why a control plane did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// No folder, no process, no port.
    #[error("{what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Keys, certificates or another file of the folder.
    #[error("preparing the folder of the control plane")]
    Credentials(#[from] CredentialsError),
    /// No client of the API server.
    #[error("connecting to the API server")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A program ended at once.
    #[error("{name} ended ({status}); it said last:\n{last_lines}")]
    Ended {
        /// Which.
        name: &'static str,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        last_lines: String,
    },
    /// It takes too long.
    #[error("{what} after {} s; {name} said last:\n{last_lines}", PATIENCE.as_secs())]
    TimedOut {
        /// What was not there.
        what: &'static str,
        /// Whose work that is.
        name: &'static str,
        /// The end of its log.
        last_lines: String,
    },
}

impl ControlPlane {
    /// Starts one and waits until pods could be created in it.
    ///
    /// RBAC is on, admission is as by default, each request is in the audit log. Many can run side by side.
    ///
    /// # Errors
    /// A program that ends or is not ready in time, with the end of its log.
    pub async fn start(binaries: &Binaries) -> Result<Self, StartError> {
        let system = |what| move |source| StartError::System { what, source };
        let folder = tempfile::Builder::new()
            .prefix("ecm-control-plane-")
            .tempdir()
            .map_err(system("making a temporary folder"))?;
        let mut processes = Processes::guard(folder).map_err(system("starting the guard"))?;
        let credentials = Credentials::make(processes.folder())?;
        let (port, server) = reserve_port().map_err(system("finding a free port on 127.0.0.1"))?;
        for (user, name) in [
            (User::Admin, ADMIN_KUBECONFIG),
            (User::ControllerManager, CONTROLLERS_KUBECONFIG),
        ] {
            let text = credentials.kubeconfig(user, server);
            write(processes.folder().join(name), &text)?;
        }
        let audit_policy = write(processes.folder().join("audit-policy.yaml"), AUDIT_POLICY)?;
        let mut start = |name, program: &Path, arguments: Vec<String>| {
            let started = processes.spawn(name, program, &arguments);
            started.map_err(|source| StartError::System { what: name, source })
        };
        start(ETCD, &binaries.etcd, etcd_arguments())?;
        let arguments = api_server_arguments(&credentials, &audit_policy, server);
        start(KUBE_APISERVER, &binaries.kube_apiserver, arguments)?;
        let mut control_plane = Self {
            processes,
            credentials,
            server,
            _port: port,
        };
        let client = control_plane.client(User::Admin).await?;
        let deadline = Instant::now() + PATIENCE;
        control_plane
            .wait_for(&client, "/readyz", KUBE_APISERVER, deadline)
            .await?;
        let arguments = controller_manager_arguments(&control_plane.credentials);
        let program = &binaries.kube_controller_manager;
        control_plane
            .processes
            .spawn(KUBE_CONTROLLER_MANAGER, program, &arguments)
            .map_err(system(KUBE_CONTROLLER_MANAGER))?;
        // Without it no pod is admitted; it shows that the controllers are at work.
        let account = "/api/v1/namespaces/default/serviceaccounts/default";
        control_plane
            .wait_for(&client, account, KUBE_CONTROLLER_MANAGER, deadline)
            .await?;
        Ok(control_plane)
    }

    /// A kubeconfig of a user.
    pub fn kubeconfig(&self, user: User) -> String {
        self.credentials.kubeconfig(user, self.server)
    }

    /// The file that holds the kubeconfig of [`User::Admin`].
    pub fn kubeconfig_file(&self) -> PathBuf {
        self.folder().join(ADMIN_KUBECONFIG)
    }

    /// The temporary folder: keys, logs, the audit log `audit.log`.
    pub fn folder(&self) -> &Path {
        self.processes.folder()
    }

    /// A client of a user, without retries of its own.
    ///
    /// # Errors
    /// No TLS.
    pub async fn client(&self, user: User) -> Result<kube::Client, StartError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| StartError::Client(error);
        let kubeconfig =
            Kubeconfig::from_yaml(&self.kubeconfig(user)).map_err(|e| failed(e.into()))?;
        let options = KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|e| failed(e.into()))?;
        config.default_retry = false;
        kube::Client::try_from(config).map_err(|e| failed(e.into()))
    }

    /// Asks for a path until the answer is 2xx.
    async fn wait_for(
        &mut self,
        client: &kube::Client,
        path: &'static str,
        name: &'static str,
        deadline: Instant,
    ) -> Result<(), StartError> {
        loop {
            let request = Request::get(path).body(Vec::new());
            let request = request.map_err(|e| StartError::Client(e.into()))?;
            if client.request_text(request).await.is_ok() {
                return Ok(());
            }
            let ended = self
                .processes
                .ended()
                .map_err(|source| StartError::System {
                    what: "looking after the processes",
                    source,
                })?;
            if let Some((name, status)) = ended {
                return Err(StartError::Ended {
                    name,
                    status,
                    last_lines: self.processes.last_lines(name),
                });
            }
            if Instant::now() >= deadline {
                return Err(StartError::TimedOut {
                    what: path,
                    name,
                    last_lines: self.processes.last_lines(name),
                });
            }
            sleep(LOOK).await;
        }
    }
}

const ADMIN_KUBECONFIG: &str = "kubeconfig";
const CONTROLLERS_KUBECONFIG: &str = "controller-manager.kubeconfig";

/// A port of loopback that nobody else gets. The API server is told to share it (SO_REUSEPORT); connections go to it
/// alone, because this socket never listens.
fn reserve_port() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = socket.local_addr()?.as_socket();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, address))
}

/// Paths are relative to the folder: a path to a Unix socket may not be long, and no other user gets in.
fn etcd_arguments() -> Vec<String> {
    [
        "--data-dir=etcd",
        "--listen-client-urls=unix://etcd.sock",
        "--advertise-client-urls=unix://etcd.sock",
        "--listen-peer-urls=unix://etcd-peer.sock",
        "--initial-advertise-peer-urls=unix://etcd-peer.sock",
        "--initial-cluster=default=unix://etcd-peer.sock",
        // What is kept is thrown away at the end.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]
    .map(str::to_owned)
    .into()
}

fn api_server_arguments(
    credentials: &Credentials,
    audit_policy: &Path,
    server: SocketAddr,
) -> Vec<String> {
    let file = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
    vec![
        "--etcd-servers=unix://etcd.sock".to_owned(),
        format!("--bind-address={}", server.ip()),
        format!("--secure-port={}", server.port()),
        "--permit-port-sharing=true".to_owned(),
        file("tls-cert-file", &credentials.certificate_file),
        file("tls-private-key-file", &credentials.key_file),
        file("client-ca-file", &credentials.ca_file),
        file("token-auth-file", &credentials.token_file),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        file(
            "service-account-key-file",
            &credentials.service_account_public_key_file,
        ),
        file(
            "service-account-signing-key-file",
            &credentials.service_account_key_file,
        ),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        // A loopback address is not allowed in the endpoints of Service default/kubernetes.
        "--endpoint-reconciler-type=none".to_owned(),
        file("audit-policy-file", audit_policy),
        "--audit-log-path=audit.log".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

fn controller_manager_arguments(credentials: &Credentials) -> Vec<String> {
    let file = |flag: &str, path: &Path| format!("--{flag}={}", path.display());
    vec![
        format!("--kubeconfig={CONTROLLERS_KUBECONFIG}"),
        "--use-service-account-credentials=true".to_owned(),
        file(
            "service-account-private-key-file",
            &credentials.service_account_key_file,
        ),
        file("root-ca-file", &credentials.ca_file),
        // Nobody else wants to lead, and nobody asks it over HTTP.
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--profiling=false".to_owned(),
    ]
}
