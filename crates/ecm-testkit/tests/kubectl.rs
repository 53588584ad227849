//! The user guide's own commands, typed into a stock kubectl.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[allow(dead_code, reason = "not every test uses all of it")]
mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{
    CUBE, CUBE_SVC, CUBE_SVC_SELF_MANAGED, LOAD_BALANCER_ID, World, on_both_clusters, pool_service,
};
use ecm_testkit::sandbox::POOLS;
use tokio::process::Command;

/// kubectl with the kubeconfig of a sandbox.
struct Kubectl {
    folder: tempfile::TempDir,
}

impl Kubectl {
    /// `None`, with a word about it, where there is no kubectl; that fails where it has to be
    /// there.
    async fn of(world: &World) -> Option<Self> {
        let probe = Command::new("kubectl")
            .args(["version", "--client"])
            .output()
            .await;
        if !probe.is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "kubectl is missing: install kubectl"
            );
            println!("skipped: install kubectl");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kubeconfig"), world.sandbox.kubeconfig()).unwrap();
        Some(Self { folder })
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command that has to succeed, and gives what it prints.
    async fn run(&self, line: &str) -> String {
        let output = Command::new("kubectl")
            .args(line.split(' '))
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            // Its caches are its own, and go with the folder.
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "kubectl {line}\n{out}\n{err}");
        out.into_owned()
    }

    async fn apply(&self, path: &Path) {
        self.run(&format!("apply -f {}", path.display())).await;
    }
}

/// The columns of the row of a table that begins with a name.
fn row<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|columns| columns.first() == Some(&name))
        .unwrap_or_else(|| panic!("no row {name} in\n{table}"))
}

on_both_clusters!(the_commands_of_the_guide_work_as_written,);

async fn the_commands_of_the_guide_work_as_written(world: World) {
    let Some(kubectl) = Kubectl::of(&world).await else {
        return;
    };
    let running = world.sandbox.run().await.unwrap();

    // Step 1.
    kubectl.apply(&kubectl.file("cube.yaml", CUBE)).await;
    world.wait_for_pods().await;
    let table = kubectl.run("get ds cube").await;
    assert_eq!(
        row(&table, "cube")[1..7],
        ["4", "4", "4", "4", "4", "<none>"],
        "{table}"
    );

    // Step 2.
    let table = kubectl.run("get nodepool").await;
    for pool in POOLS {
        row(&table, pool.name);
        let annotate = format!("annotate nodepool {} alibabacloud.com/ens-", pool.name);
        kubectl
            .run(&format!("{annotate}network-id={}", pool.network))
            .await;
        kubectl
            .run(&format!("{annotate}region-id={}", pool.region))
            .await;
        kubectl
            .run(&format!(
                "{annotate}vswitch-id={}",
                pool.vswitches.join(",")
            ))
            .await;
        kubectl
            .run(&format!("label nodepool {} k8s-svc=cube", pool.name))
            .await;
    }

    // Step 3, option A.
    kubectl
        .apply(&kubectl.file("cube-svc.yaml", CUBE_SVC))
        .await;
    let addresses = world.addresses(2).await;
    let table = kubectl.run("get svc cube-svc").await;
    let columns = row(&table, "cube-svc");
    assert_eq!(
        (columns[1], columns[3]),
        ("LoadBalancer", addresses.join(",").as_str()),
        "{table}"
    );
    assert!(
        columns[4].starts_with("80:3") && columns[4].ends_with("/TCP"),
        "{table}"
    );
    for address in &addresses {
        assert!(world.get(address, 80).await.starts_with("HTTP/1.1 200"));
    }
    // kubectl waits until the finalizers are off: everything is released by then.
    kubectl.run("delete svc cube-svc").await;
    assert_eq!(world.managed(), Vec::<String>::new());

    // Step 3, option B.
    kubectl
        .apply(&kubectl.file("cube-svc.yaml", CUBE_SVC_SELF_MANAGED))
        .await;
    for pool in &POOLS {
        world
            .reason(&pool_service(pool), "Ready", "WaitingForLoadBalancerId")
            .await;
    }
    let table = kubectl.run("get ps").await;
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "AGE", "READY"]);
    let wide = kubectl.run("get ps -o wide").await;
    let header: Vec<&str> = wide.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        [
            "NAME",
            "AGE",
            "READY",
            "POOL",
            "CLASS",
            "LOADBALANCER",
            "ADDRESS"
        ]
    );
    for pool in &POOLS {
        let name = pool_service(pool);
        assert_eq!(row(&table, &name)[2], "False", "{table}");
        kubectl
            .run(&format!(
                "annotate ps {name} {LOAD_BALANCER_ID}={}",
                pool.load_balancer
            ))
            .await;
    }
    for address in world.addresses(2).await {
        assert!(world.get(&address, 80).await.starts_with("HTTP/1.1 200"));
    }
    kubectl.run("delete svc cube-svc").await;
    kubectl.run("delete ds cube").await;

    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}
