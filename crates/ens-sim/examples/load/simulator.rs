//! The simulator: one ELB with an EIP, a TCP and a UDP listener, and the servers behind it.

use std::collections::BTreeMap;
use tokio::time::Instant;

use anyhow::{Context as _, ensure};
use ens_sim::Simulator;
use ens_sim::cloud::{Latency, Method, RateLimits, Request, World};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::servers::address;
use super::{WEIGHTS, allow_open_files, block_on};

/// Health checks are made every two seconds divided by this.
const SPEEDUP: u32 = 20;
const PORT: &str = "8080";

/// Prints the addresses of both listeners, then waits for `healthy ID` and `unhealthy ID`.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    allow_open_files()?;
    block_on(async {
        let ports: Vec<&str> = args.first().context("no ports")?.split(',').collect();
        let simulator = Simulator::builder()
            .latency(Latency::instant())
            .rate_limits(RateLimits::Off)
            .health_check_speedup(SPEEDUP)
            .world(world())
            .start()
            .await?;
        for number in 0..WEIGHTS.len() {
            simulator.set_instance_address(&format!("i-{number}"), address(number))?;
        }
        set_up(&simulator, &ports)?;
        simulator
            .wait_until(|_| simulator.bound_addresses().len() == 2)
            .await;
        let bound: Vec<String> = simulator
            .bound_addresses()
            .values()
            .map(ToString::to_string)
            .collect();
        println!("{}", bound.join(","));
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            let (health, id) = line.split_once(' ').unwrap_or_default();
            let began = Instant::now();
            let wanted = health == "healthy";
            simulator
                .wait_until(|cloud| {
                    let bad = cloud
                        .unhealthy()
                        .any(|key| key.server_id == id && key.listener.protocol.as_str() == "tcp");
                    bad != wanted
                })
                .await;
            println!(
                "{health} after {} ms (checks every {} ms)",
                began.elapsed().as_millis(),
                2_000 / SPEEDUP
            );
        }
        simulator.shutdown().await;
        Ok(())
    })
}

fn world() -> World {
    let world = World::new()
        .region("cn-hefei", "Hefei")
        .network("n-1", "cn-hefei", "10.8.0.0/16")
        .vswitch("vsw-1", "n-1", std::net::Ipv4Addr::new(10, 8, 1, 0))
        .user_load_balancer("lb-1", "load", "vsw-1", Some("eip-1"));
    (0..WEIGHTS.len()).fold(world, |world, number| {
        world.instance(&format!("i-{number}"), &format!("node-{number}"), "vsw-1")
    })
}

fn set_up(simulator: &Simulator, ports: &[&str]) -> anyhow::Result<()> {
    let servers: Vec<Value> = WEIGHTS
        .iter()
        .zip(ports)
        .enumerate()
        .map(|(number, (weight, port))| {
            json!({ "ServerId": format!("i-{number}"), "Weight": weight, "Port": port })
        })
        .collect();
    let servers = json!(servers).to_string();
    call(
        simulator,
        "AddBackendServers",
        &[("BackendServers", &servers)],
    )?;
    for (kind, protocol) in [("TCP", "tcp"), ("UDP", "udp")] {
        let listener = [
            ("ListenerPort", PORT),
            ("BackendServerPort", "1"),
            ("HealthyThreshold", "2"),
            ("UnhealthyThreshold", "3"),
        ];
        call(
            simulator,
            &format!("CreateLoadBalancer{kind}Listener"),
            &listener,
        )?;
        let start = [("ListenerPort", PORT), ("ListenerProtocol", protocol)];
        call(simulator, "StartLoadBalancerListener", &start)?;
    }
    Ok(())
}

/// Calls an action on the ELB, as its owner and without a signature.
fn call(simulator: &Simulator, action: &str, params: &[(&str, &str)]) -> anyhow::Result<()> {
    let reply = simulator.with_cloud(|cloud| {
        let params = [("LoadBalancerId", "lb-1")]
            .into_iter()
            .chain(params.iter().copied());
        let request = Request {
            account: cloud.config().account.clone(),
            method: Method::Post,
            action: action.to_owned(),
            params: params
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
        };
        let now = ens_sim::Timestamp(chrono::Utc::now().timestamp_millis());
        cloud.handle(&request, now)
    });
    ensure!(
        reply.response.status == 200,
        "{action}: {}",
        reply.response.body
    );
    Ok(())
}
