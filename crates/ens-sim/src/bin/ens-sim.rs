//! A simulated ENS as a program: `ens-sim --listen 127.0.0.1:18080`. It starts with the world of the user guide. The crate's
//! README is its manual.
#![forbid(unsafe_code)]

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Parser, ValueEnum};
use ens_sim::Simulator;
use ens_sim::cloud::{FaultPlan, Latency, Switches, World};

/// A simulated ENS with the world of the multi-region user guide. For tests and demonstrations.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address and port of the API.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:18080", value_parser = parse_listen)]
    listen: String,
    /// AccessKey that may call, as ID:SECRET.
    #[arg(long, value_name = "ID:SECRET", default_value = "testid:testsecret", value_parser = parse_credentials)]
    credentials: (String, String),
    /// Seed of ids, addresses and faults by chance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How long asynchronous changes take.
    #[arg(long, value_enum, default_value_t = Speed::Real)]
    latency: Speed,
    /// Loopback address at which the node ports of an instance listen, as INSTANCE=ADDRESS; may be given several times.
    #[arg(long = "instance-address", value_name = "INSTANCE=ADDRESS", value_parser = parse_instance)]
    instance_addresses: Vec<(String, std::net::Ipv4Addr)>,
    /// Turns over one assumption about what no public document settles, as listed; may be given several times.
    #[arg(long = "switch", value_name = "NAME", value_parser = switch_names())]
    switches: Vec<String>,
    /// File that keeps the cloud: written after every change, and read at the start where it is there.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// JSON file with faults: a list of rules such as {"action": "DeleteEip", "nth": 1, "fault": "lose-answer"}; the README
    /// of ens-sim has them all.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Speed {
    /// Seconds, as in a real edge region.
    Real,
    /// Tens of milliseconds.
    Fast,
    /// At once.
    Instant,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let args = Args::parse();
    let latency = match args.latency {
        Speed::Real => Latency::real(),
        Speed::Fast => Latency::fast(),
        Speed::Instant => Latency::instant(),
    };
    let mut switches = Switches::default();
    for name in &args.switches {
        switches.turn(name);
    }
    let mut builder = Simulator::builder()
        .credentials(&args.credentials.0, &args.credentials.1)
        .seed(args.seed)
        .latency(latency)
        .switches(switches)
        .listen(&args.listen)
        .world(World::guide());
    if let Some(path) = &args.faults {
        builder = builder.faults(read_faults(path)?);
    }
    if let Some(path) = &args.state {
        builder = builder.state_file(path);
    }
    let simulator = builder.start().await.context("starting the simulator")?;
    for (instance, address) in &args.instance_addresses {
        simulator
            .set_instance_address(instance, *address)
            .with_context(|| format!("placing an instance: {}", known_instances(&simulator)))?;
    }
    print_world(&simulator, &args.credentials.0);
    told_to_stop().await.context("waiting for a signal")?;
    simulator.shutdown().await;
    Ok(())
}

fn read_faults(path: &Path) -> anyhow::Result<FaultPlan> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading the faults of {}", path.display()))?;
    FaultPlan::from_json(&text).with_context(|| format!("the faults of {}", path.display()))
}

/// Waits for Ctrl-C, or for the signal that `kill` and service managers send.
async fn told_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn print_world(simulator: &Simulator, key_id: &str) {
    let snapshot = simulator.snapshot();
    println!("endpoint  {}", simulator.endpoint());
    println!("AccessKey {key_id}");
    println!("page      {}/", simulator.endpoint());
    for vswitch in &snapshot.vswitches {
        println!(
            "vSwitch   {} in {} ({})",
            vswitch.id, vswitch.network, vswitch.region
        );
    }
    for instance in &snapshot.instances {
        println!(
            "instance  {} {} ({})",
            instance.id, instance.private_ip, instance.region
        );
    }
    for balancer in &snapshot.load_balancers {
        println!(
            "ELB       {} {} ({})",
            balancer.id,
            balancer.status(),
            balancer.region
        );
    }
    for eip in &snapshot.eips {
        let bound = eip
            .binding
            .as_ref()
            .map_or("nothing", |binding| binding.instance_id.as_str());
        println!("EIP       {} {} bound to {bound}", eip.id, eip.address);
    }
}

fn known_instances(simulator: &Simulator) -> String {
    let instances = simulator.snapshot().instances;
    let ids: Vec<&str> = instances.iter().map(|found| found.id.as_str()).collect();
    format!("this world has {}", ids.join(", "))
}

fn parse_listen(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("must be ADDRESS:PORT, such as 127.0.0.1:18080".to_owned()),
    }
}

fn parse_credentials(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
            Ok((id.to_owned(), secret.to_owned()))
        }
        _ => Err("must be ID:SECRET".to_owned()),
    }
}

fn parse_instance(text: &str) -> Result<(String, std::net::Ipv4Addr), String> {
    let (instance, address) = text.split_once('=').ok_or("must be INSTANCE=ADDRESS")?;
    let address = address
        .parse()
        .map_err(|_| format!("{address} is not an IPv4 address"))?;
    Ok((instance.to_owned(), address))
}

fn switch_names() -> PossibleValuesParser {
    let value = |(name, effect)| PossibleValue::new(name).help(effect);
    PossibleValuesParser::new(Switches::effects().map(value))
}
