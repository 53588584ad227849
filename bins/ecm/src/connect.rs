//! Clients of the cluster and of the cloud, from flags.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Chain, Context as _, Error, Result, anyhow, bail};
use async_trait::async_trait;
use clap::Args;
use ecm_policy::annotations::nearest;
use ecm_policy::naming;
use ecm_policy::snapshot::{Identity, ObjectKey};
use ecm_reconciler::index::Index;
use ecm_reconciler::one_account::{AskAccount, OneAccount};
use ecm_reconciler::{SHARE_OF_RATES, identity};
use ens_openapi::client::{ClientBuilder, DEFAULT_ENDPOINT, Deadlines};
use ens_openapi::credentials::{
    CredentialChain, CredentialsError, CredentialsIo, ProvideCredentials,
};
use ens_openapi::rate_limit::RateLimiter;
use ens_openapi::transport::Proxy;
use ens_openapi::{Client, Credentials, HyperTransport, StaticCredentials, sts};
use kube::config::{KubeConfigOptions, Kubeconfig};
use poolservice_api::keys;

/// How this program is called in the User-Agent header.
const PROGRAM: &str = concat!("ecm/", env!("CARGO_PKG_VERSION"));

/// A start waits this long at most to hear whose the credentials are.
const STS_DEADLINES: Deadlines = Deadlines {
    attempt: Duration::from_secs(4),
    read: Duration::from_secs(10),
};

/// Which cluster.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClusterArgs {
    /// The cluster: a kubeconfig file. Default: $KUBECONFIG, ~/.kube/config, or the pod's own account.
    #[arg(long, value_name = "FILE", help_heading = "Cluster and cloud")]
    kubeconfig: Option<PathBuf>,
    /// The load balancer class that is served.
    #[arg(long, value_name = "CLASS", default_value = keys::DEFAULT_LOAD_BALANCER_CLASS, help_heading = "Cluster and cloud")]
    load_balancer_class: String,
    /// The cluster's id in names. Default: ConfigMap kube-system/ack-cluster-profile, else the UID of namespace kube-system.
    #[arg(long, value_name = "ID", help_heading = "Cluster and cloud")]
    cluster_id: Option<String>,
}

/// Which cloud.
#[derive(Debug, Clone, Args)]
pub(crate) struct CloudArgs {
    /// The cloud: a host or URL. Default: the public endpoint.
    #[arg(
        long,
        value_name = "URL",
        env = "ALIBABA_CLOUD_ENDPOINT_ENS",
        hide_env_values = true,
        help_heading = "Cluster and cloud"
    )]
    ens_endpoint: Option<String>,
    /// Where the cloud says whose the credentials are: a host or URL. Default: sts.aliyuncs.com; nowhere when the cloud is a place of one's own.
    #[arg(
        long,
        value_name = "URL",
        env = "ALIBABA_CLOUD_ENDPOINT_STS",
        hide_env_values = true,
        help_heading = "Cluster and cloud"
    )]
    sts_endpoint: Option<String>,
}

/// A cluster that can be talked to.
pub(crate) struct Cluster {
    pub(crate) client: kube::Client,
    /// The address of its API server.
    server: String,
}

impl ClusterArgs {
    /// Whether a flag names a cluster.
    pub(crate) fn is_named(&self) -> bool {
        self.kubeconfig.is_some()
    }

    /// The load balancer class that is served.
    pub(crate) fn load_balancer_class(&self) -> &str {
        &self.load_balancer_class
    }

    /// Which cluster this is taken for where there is none to ask.
    pub(crate) fn assumed_identity(&self) -> Result<Identity> {
        let cluster_id = self.cluster_id.clone().unwrap_or_else(|| "cluster".into());
        naming::check_cluster_id(&cluster_id).context("--cluster-id")?;
        Ok(Identity {
            load_balancer_class: self.load_balancer_class.clone(),
            cluster_id,
            cluster_uid: "unknown".to_owned(),
            cloud_account: None,
        })
    }

    /// A client of the cluster. Without kube's own retries: they repeat writes for minutes.
    pub(crate) async fn connect(&self) -> Result<Cluster> {
        let mut config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path)
                    .with_context(|| format!("reading kubeconfig {}", path.display()))?;
                kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                    .await
                    .with_context(|| format!("kubeconfig {}", path.display()))?
            }
            None => kube::Config::infer().await.context(
                "no cluster: give --kubeconfig FILE, set KUBECONFIG, or run in a pod with a service account",
            )?,
        };
        config.default_retry = false;
        let server = config.cluster_url.to_string();
        Ok(Cluster {
            client: kube::Client::try_from(config).context("connecting to the cluster")?,
            server,
        })
    }

    /// Which cluster this is, in names.
    pub(crate) async fn identity(&self, cluster: &Cluster) -> Result<Identity> {
        let class = self.load_balancer_class.clone();
        identity::discover(cluster.client.clone(), class, self.cluster_id.clone())
            .await
            .with_context(|| {
                format!(
                    "asking {} which cluster this is: can it be reached from here, and may this \
                     user read namespace {}?",
                    cluster.server,
                    keys::SYSTEM_NAMESPACE
                )
            })
    }
}

impl CloudArgs {
    /// Whether a flag, or the environment, names a cloud.
    pub(crate) fn is_named(&self) -> bool {
        self.ens_endpoint.is_some()
    }

    /// Where the cloud is.
    pub(crate) fn endpoint(&self) -> &str {
        self.ens_endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT)
    }

    /// Where STS is; `None` where the cloud is not the public one and nobody says where its STS is.
    fn sts_endpoint(&self) -> Option<&str> {
        let is_public = |endpoint: &str| endpoint.trim_end_matches('/').ends_with(".aliyuncs.com");
        let default = is_public(self.endpoint()).then_some(sts::DEFAULT_ENDPOINT);
        self.sts_endpoint.as_deref().or(default)
    }

    /// What calls of the cloud need. The credentials are looked for at once, so that a program
    /// without any says so at its start.
    pub(crate) async fn connect(&self) -> Result<Cloud> {
        let proxy = Proxy::from_variables(|name| std::env::var(name).ok())
            .context("the proxy of the environment")?;
        let io = CredentialsIo::of_this_process(transport(proxy.as_ref())?);
        let credentials = Arc::new(CredentialChain::official(&io));
        if let Err(error) = credentials.credentials().await {
            return Err(no_credentials(error));
        }
        Ok(Cloud {
            endpoint: self.endpoint().to_owned(),
            sts_endpoint: self.sts_endpoint().map(str::to_owned),
            credentials,
            proxy,
        })
    }
}

/// A cloud that can be called.
pub(crate) struct Cloud {
    endpoint: String,
    sts_endpoint: Option<String>,
    credentials: Arc<dyn ProvideCredentials>,
    proxy: Option<Proxy>,
}

/// Where to ask whose credentials are.
#[derive(Debug)]
struct Sts {
    endpoint: String,
    proxy: Option<Proxy>,
}

impl Sts {
    fn client(&self, credentials: impl ProvideCredentials + 'static) -> Result<Client> {
        sts::client(credentials)
            .endpoint(&self.endpoint)
            .transport(transport(self.proxy.as_ref())?)
            .user_agent_suffix(PROGRAM)
            .deadlines(STS_DEADLINES)
            .build()
            .context("setting up the client of STS")
    }
}

#[async_trait]
impl AskAccount for Sts {
    async fn account_of(
        &self,
        credentials: Arc<Credentials>,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let client = self.client(StaticCredentials::from(credentials))?;
        Ok(identity::cloud_account(&client).await?)
    }
}

impl Cloud {
    /// Where it is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A client that reads, and waits as long as the defaults say.
    pub(crate) fn reader(&self) -> Result<Client> {
        let builder = self.client(Deadlines::default())?;
        builder
            .build()
            .context("setting up the client of the cloud")
    }

    /// What a client is built of. It keeps to half of the published rates: they are the account's,
    /// and others use it too (behaviour 11.2).
    pub(crate) fn client(&self, deadlines: Deadlines) -> Result<ClientBuilder> {
        Ok(Client::builder(self.credentials.clone())
            .endpoint(&self.endpoint)
            .transport(transport(self.proxy.as_ref())?)
            .user_agent_suffix(PROGRAM)
            .rate_limiter(Arc::new(RateLimiter::with_share(SHARE_OF_RATES)))
            .deadlines(deadlines))
    }

    /// From here on only credentials of this account are used, whatever their source gives (behaviour 5.7).
    pub(crate) fn keep_to(self, account: &str) -> Self {
        let Some(sts) = self.sts() else { return self };
        let credentials = OneAccount::new(self.credentials, account, sts);
        Self {
            credentials: Arc::new(credentials),
            ..self
        }
    }

    fn sts(&self) -> Option<Sts> {
        Some(Sts {
            endpoint: self.sts_endpoint.clone()?,
            proxy: self.proxy.clone(),
        })
    }

    /// Whose the credentials are (behaviour 5.7). Where that cannot be asked, that is said, and one check less is made.
    pub(crate) async fn account(&self) -> Option<String> {
        let Some(sts) = self.sts() else {
            tracing::info!(
                "whose the credentials are is not checked: the cloud is not the public one; --sts-endpoint says where to ask"
            );
            return None;
        };
        let asked = async {
            let client = sts.client(Arc::clone(&self.credentials))?;
            identity::cloud_account(&client).await.map_err(Error::from)
        };
        match asked.await {
            Ok(account) => {
                tracing::info!(account, "cloud account");
                Some(account)
            }
            Err(error) => {
                tracing::warn!(
                    endpoint = sts.endpoint,
                    error = format!("{error:#}"),
                    "whose the credentials are could not be asked: that they are of the right account is not checked"
                );
                None
            }
        }
    }
}

/// What is said of a Service that people name, where nothing that is `chosen` is of it: neither a Service nor a
/// PoolService of one that is gone.
pub(crate) fn missing_service(
    index: &Index,
    name: &str,
    chosen: impl Fn(&ObjectKey) -> bool,
) -> Option<String> {
    let of_pool_services = index.pool_services().filter_map(|ps| {
        let service = ps.snapshot.service.as_ref()?;
        Some(ObjectKey::new(&ps.snapshot.key.namespace, service))
    });
    let known: Vec<ObjectKey> = index.services().chain(of_pool_services).collect();
    if known.iter().any(chosen) {
        return None;
    }
    let text = format!("there is no Service {name} here, and no PoolService of one");
    if known.is_empty() {
        return Some(text);
    }
    let nearest = nearest(name, known.iter().map(|key| key.name.as_str()));
    let of_that_name = known.iter().filter(|key| key.name == nearest);
    let of_that_name: BTreeSet<String> = of_that_name.map(ToString::to_string).collect();
    let of_that_name: Vec<String> = of_that_name.into_iter().collect();
    Some(format!(
        "{text}; the nearest is {}",
        of_that_name.join(" and ")
    ))
}

/// Refuses credentials of another account than that of a ledger: what such credentials do not find
/// is not gone (behaviour 5.7).
pub(crate) fn check_account(index: &Index, who: &Identity) -> Result<()> {
    for ps in index.pool_services() {
        let other = ps.ledger.as_ref().and_then(|l| l.other_account(who));
        if let Some((recorded, ours)) = other {
            bail!(
                "the resources of PoolService {} belong to cloud account {recorded}, the credentials are of account \
                 {ours}: give credentials of account {recorded}; nothing was done",
                ps.snapshot.key
            );
        }
    }
    Ok(())
}

fn transport(proxy: Option<&Proxy>) -> Result<HyperTransport> {
    let builder = HyperTransport::builder().proxy(proxy.cloned());
    builder.build().context("setting up TLS")
}

/// Every source that was asked, with its answer, one a line: there is no saying which one the user
/// meant.
fn no_credentials(error: CredentialsError) -> Error {
    let CredentialsError::Chain(failures) = &error else {
        return Error::new(error).context("no credentials for the cloud");
    };
    let mut text = "no credentials for the cloud; they were looked for here:".to_owned();
    for (source, error) in failures.iter() {
        let line: Vec<String> = Chain::new(error).map(ToString::to_string).collect();
        text = format!("{text}\n  {source}: {}", line.join(": "));
    }
    anyhow!(text)
}
