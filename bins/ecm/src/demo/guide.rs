//! The steps of the user guide.

use std::net::Ipv4Addr;
use std::time::Duration;

use anstream::println;
use anyhow::{Context as _, Result, bail, ensure};
use ecm_testkit::sandbox::{POOLS, Pool};
use poolservice_api::keys;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::kubectl::Kubectl;
use super::stage::{self, Look, wait_for};
use crate::sandbox::Running;

const CUBE: &str = include_str!("../../../../examples/guide/cube.yaml");
const CUBE_SVC: &str = include_str!("../../../../examples/guide/cube-svc.yaml");
const CUBE_SVC_SELF_MANAGED: &str =
    include_str!("../../../../examples/guide/cube-svc-self-managed.yaml");

/// The Service of the guide.
const SERVICE: &str = "cube-svc";

/// Its port.
const PORT: u16 = 80;

/// Annotation that names a user's load balancer on a PoolService.
const LOAD_BALANCER_ID: &str = ecm_policy::annotations::keys::ID;

/// Plays the guide.
pub(super) struct Guide<'a> {
    running: &'a Running,
    kubectl: Kubectl,
    /// Whether people know that another port stands in for the Service's.
    told_of_port: bool,
}

impl<'a> Guide<'a> {
    pub(super) fn new(running: &'a Running) -> Self {
        Self {
            running,
            kubectl: Kubectl::new(running.client.clone()),
            told_of_port: false,
        }
    }

    /// Step 1: an application on all nodes.
    pub(super) async fn deploy(&mut self) -> Result<()> {
        stage::heading("Step 1: deploy an application");
        self.kubectl.apply("examples/guide/cube.yaml", CUBE).await?;
        wait_for("a pod is ready on each of the 4 nodes", || async {
            let ds = self.kubectl.find("ds", "cube").await?.unwrap_or_default();
            let ready = ds["status"]["numberReady"].as_i64().unwrap_or(0);
            Ok(if ready == 4 {
                Look::Here(())
            } else {
                Look::NotYet(format!("{ready} of 4"))
            })
        })
        .await?;
        self.kubectl.get("ds", Some("cube")).await
    }

    /// Step 2: where the pools are, and the label by which the Service finds them.
    pub(super) async fn annotate_pools(&mut self) -> Result<()> {
        stage::heading("Step 2: annotate the node pools");
        self.kubectl.get("nodepool", None).await?;
        for pool in POOLS {
            let vswitches = pool.vswitches.join(",");
            for (key, value) in [
                (keys::ENS_NETWORK_ID, pool.network),
                (keys::ENS_REGION_ID, pool.region),
                (keys::ENS_VSWITCH_ID, vswitches.as_str()),
            ] {
                self.kubectl
                    .annotate("nodepool", pool.name, key, value)
                    .await?;
            }
            self.kubectl
                .label("nodepool", pool.name, "k8s-svc", "cube")
                .await?;
        }
        Ok(())
    }

    /// Step 3, option A: load balancers that the controller makes.
    pub(super) async fn expose_auto(&mut self) -> Result<()> {
        stage::heading("Step 3, option A: expose the application, auto-managed ELB");
        self.kubectl
            .apply("examples/guide/cube-svc.yaml", CUBE_SVC)
            .await?;
        self.expect_addresses().await?;
        self.kubectl.get("ps", None).await?;
        self.kubectl.get("svc", Some(SERVICE)).await?;
        self.request_all().await
    }

    /// Step 3, option B: load balancers of the user's own.
    pub(super) async fn expose_self_managed(&mut self) -> Result<()> {
        stage::heading("Step 3, option B: expose the application, self-managed ELB");
        let file = "examples/guide/cube-svc-self-managed.yaml";
        self.kubectl.apply(file, CUBE_SVC_SELF_MANAGED).await?;
        wait_for("a PoolService for each pool waits for its ELB", || async {
            let mut waiting = 0;
            for pool in POOLS {
                let reason = self.reason(&pool).await?;
                waiting += usize::from(reason == "WaitingForLoadBalancerId");
            }
            let all = waiting == POOLS.len();
            Ok(if all {
                Look::Here(())
            } else {
                Look::NotYet(format!("{waiting} of 2"))
            })
        })
        .await?;
        self.kubectl.get("ps", None).await?;
        for pool in POOLS {
            self.kubectl
                .annotate(
                    "ps",
                    &pool_service(&pool),
                    LOAD_BALANCER_ID,
                    pool.load_balancer,
                )
                .await?;
        }
        self.expect_addresses().await?;
        self.kubectl.get("svc", Some(SERVICE)).await?;
        self.request_all().await
    }

    /// Deleting the Service of option A releases what was made for it.
    pub(super) async fn delete_auto(&mut self) -> Result<()> {
        let ours = self.managed();
        ensure!(
            ours.len() == 4,
            "expected 2 ELBs and 2 EIPs of the controller's, found {ours:?}"
        );
        self.delete_service().await?;
        let left = self.managed();
        ensure!(
            left.is_empty(),
            "expected nothing left in the cloud, found {}",
            left.join(", ")
        );
        stage::good(&format!("gone from the cloud: {}", ours.join(", ")));
        Ok(())
    }

    /// Deleting the Service of option B leaves the user's load balancers alone.
    pub(super) async fn delete_self_managed(&mut self) -> Result<()> {
        self.delete_service().await?;
        let snapshot = self.running.sandbox.cloud.snapshot();
        for pool in POOLS {
            let stays = snapshot
                .load_balancers
                .iter()
                .any(|lb| lb.id == pool.load_balancer);
            let bound = snapshot.eips.iter().any(|eip| {
                eip.binding
                    .as_ref()
                    .is_some_and(|to| to.instance_id == pool.load_balancer)
            });
            ensure!(
                stays && bound,
                "expected {} with its EIP to stay",
                pool.load_balancer
            );
        }
        stage::good("still in the cloud, with their EIPs: lb-heifei, lb-chengdu");
        Ok(())
    }

    async fn delete_service(&mut self) -> Result<()> {
        stage::heading("Delete the Service");
        self.kubectl.delete("svc", SERVICE).await?;
        wait_for("the Service is gone", || async {
            if self.kubectl.find("svc", SERVICE).await?.is_none() {
                return Ok(Look::Here(()));
            }
            Ok(Look::NotYet(self.progress().await?))
        })
        .await
    }

    /// Ids of everything in the cloud that bears a name of the controller's.
    fn managed(&self) -> Vec<String> {
        let snapshot = self.running.sandbox.cloud.snapshot();
        let elbs = snapshot.load_balancers.iter().map(|lb| (&lb.id, &lb.name));
        let eips = snapshot.eips.iter().map(|eip| (&eip.id, &eip.name));
        elbs.chain(eips)
            .filter(|(_, name)| name.starts_with("k8s/"))
            .map(|(id, _)| id.clone())
            .collect()
    }

    async fn expect_addresses(&self) -> Result<()> {
        wait_for("the Service has an external IP in each region", || async {
            let addresses = self.addresses().await?;
            if addresses.len() == POOLS.len() {
                return Ok(Look::Here(()));
            }
            Ok(Look::NotYet(self.progress().await?))
        })
        .await
    }

    /// A request through every external IP, and who answered.
    async fn request_all(&mut self) -> Result<()> {
        for pool in POOLS {
            let ps = self
                .kubectl
                .find("ps", &pool_service(&pool))
                .await?
                .unwrap_or_default();
            let text = ps["status"]["loadBalancer"]["ingress"][0]["ip"]
                .as_str()
                .unwrap_or_default();
            let address: Ipv4Addr = text
                .parse()
                .with_context(|| format!("{} has no address", pool_service(&pool)))?;
            let answer = self.curl(address).await?;
            println!("{}", answer.trim_end());
            let from_pool = pool.nodes.iter().any(|node| answer.contains(node));
            ensure!(
                from_pool,
                "expected an answer from a node of {} ({}), got: {answer}",
                pool.name,
                pool.nodes.join(" or ")
            );
        }
        stage::good("each external IP is answered by a node of its own region");
        Ok(())
    }

    /// `curl http://IP:80`, where the simulated cloud really listens.
    async fn curl(&mut self, address: Ipv4Addr) -> Result<String> {
        let Some(real) = self.running.sandbox.reach(address, PORT) else {
            bail!("expected the cloud to listen on {address}:{PORT}, it does not");
        };
        if real.port() != PORT && !std::mem::replace(&mut self.told_of_port, true) {
            println!(
                "port {PORT} may not be bound by this user, {} stands in for it: \
                 sysctl -w net.ipv4.ip_unprivileged_port_start={PORT} lifts that",
                real.port()
            );
        }
        stage::command(&format!("curl http://{real}"));
        let exchange = async {
            let mut stream = TcpStream::connect(real).await?;
            let request = format!("GET / HTTP/1.1\r\nHost: {real}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = timeout(Duration::from_secs(5), exchange)
            .await
            .with_context(|| format!("no answer from {real} within 5 s"))?
            .with_context(|| format!("requesting http://{real}"))?;
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            bail!("expected an HTTP answer from {real}, got {answer:?}");
        };
        ensure!(
            head.starts_with("HTTP/1.1 200"),
            "expected 200 from {real}, got {head}"
        );
        Ok(body.to_owned())
    }

    async fn addresses(&self) -> Result<Vec<String>> {
        let svc = self.kubectl.find("svc", SERVICE).await?.unwrap_or_default();
        let empty = Vec::new();
        let ingress = svc["status"]["loadBalancer"]["ingress"]
            .as_array()
            .unwrap_or(&empty);
        Ok(ingress
            .iter()
            .filter_map(|i| i["ip"].as_str().map(str::to_owned))
            .collect())
    }

    /// How far each pool is.
    async fn progress(&self) -> Result<String> {
        let mut parts = Vec::new();
        for pool in POOLS {
            let state = match self.kubectl.find("ps", &pool_service(&pool)).await? {
                Some(ps) => condition(&ps, "Ready", "message").unwrap_or("…").to_owned(),
                None => "no PoolService".to_owned(),
            };
            parts.push(format!("{}: {state}", pool.name));
        }
        Ok(parts.join(" | "))
    }

    async fn reason(&self, pool: &Pool) -> Result<String> {
        let ps = self
            .kubectl
            .find("ps", &pool_service(pool))
            .await?
            .unwrap_or_default();
        Ok(condition(&ps, "Ready", "reason")
            .unwrap_or_default()
            .to_owned())
    }
}

fn pool_service(pool: &Pool) -> String {
    format!("{SERVICE}-{}", pool.name)
}

/// A field of a condition of an object.
fn condition<'a>(object: &'a Value, kind: &str, field: &str) -> Option<&'a str> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|c| c["type"] == kind)
        .and_then(|c| c[field].as_str())
}
