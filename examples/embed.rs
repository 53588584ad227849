//! Somebody else's `main` that runs one half of the controllers: the load balancers of PoolServices.
//!
//! It brings a Kubernetes client of its own, a leadership of its own, and an ENS API of its own, which here counts the
//! calls on their way to the real client. PoolServices are made by somebody else: OpenYurt, the other half, or by hand.
//!
//! To see it at work beside a sandbox, with a class that the sandbox's own controllers leave alone:
//!
//! ```text
//! cargo run --bin ecm -- sandbox --kubeconfig /tmp/sandbox.kubeconfig     # prints the cloud's URL
//!
//! export KUBECONFIG=/tmp/sandbox.kubeconfig
//! export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
//! cargo run -p ecm-examples --example embed -- --endpoint http://127.0.0.1:PORT
//!
//! kubectl apply -f examples/guide/cube.yaml -f examples/embed.yaml
//! kubectl annotate nodepool np-heifei alibabacloud.com/ens-network-id=n-heifei \
//!   alibabacloud.com/ens-region-id=cn-hefei alibabacloud.com/ens-vswitch-id=vsw-heifei-1
//! kubectl get ps -o wide
//! kubectl delete -f examples/embed.yaml
//! ```
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use clap::Parser;
use ecm_reconciler::leader::Leadership;
use ecm_reconciler::{Controllers, identity};
use ens_openapi::{Action, Client, EnsApi, EnvironmentCredentials, Error, Params};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Serves PoolServices of one class.
#[derive(Parser)]
struct Args {
    /// Where the ENS API is: a host or URL. Default: the public endpoint.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The load balancer class to serve.
    #[arg(long, value_name = "CLASS", default_value = "example.com/elb")]
    class: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();

    let mut config = kube::Config::infer().await.context("finding a cluster")?;
    // kube would repeat writes for minutes; the controllers do their own retries.
    config.default_retry = false;
    let kube = kube::Client::try_from(config).context("connecting to the cluster")?;

    // A program with an election of its own flips this when it loses.
    let leads = Arc::new(AtomicBool::new(true));
    let leadership = Leadership::new({
        let leads = leads.clone();
        move || leads.load(Ordering::SeqCst)
    });

    let mut ens = Client::builder(EnvironmentCredentials::of_this_process())
        .user_agent_suffix("example/embed")
        // The last moment to stop a write: after it was signed, before it is sent.
        .before_send(leadership.before_send());
    if let Some(endpoint) = args.endpoint {
        ens = ens.endpoint(endpoint);
    }
    let ens = Arc::new(Counting::new(ens.build().context("setting up the cloud")?));

    let identity = identity::discover(kube.clone(), args.class, None)
        .await
        .context("finding out which cluster this is")?;
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            // Without signals there is no way to stop but this one.
            let _ = tokio::signal::ctrl_c().await;
            stop.cancel();
        }
    });
    // A plain `Client` goes in as it is; then what is urgent is called first.
    let counted: Arc<dyn EnsApi> = ens.clone();
    Controllers::builder(kube, counted, identity, leadership)
        .fan_out(false)
        .run(stop)
        .await?;
    leads.store(false, Ordering::SeqCst);

    for (action, calls) in ens.counts() {
        println!("{calls:>6} {action}");
    }
    Ok(())
}

/// An ENS API that counts the calls to another one.
#[derive(Debug)]
struct Counting<A> {
    inner: A,
    calls: Mutex<BTreeMap<String, u64>>,
}

impl<A> Counting<A> {
    fn new(inner: A) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
        }
    }

    /// Calls so far, by action.
    fn counts(&self) -> BTreeMap<String, u64> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn count(&self, action: &Action) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(action.name().to_owned()).or_default() += 1;
    }
}

/// The typed methods go through this one.
#[async_trait]
impl<A: EnsApi> EnsApi for Counting<A> {
    async fn call_action(&self, action: Action, params: Params) -> Result<Value, Error> {
        self.count(&action);
        self.inner.call_action(action, params).await
    }
}
