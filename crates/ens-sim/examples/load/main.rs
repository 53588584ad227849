//! What the data plane carries, with clients, simulator and servers in three processes:
//! `cargo run --release -p ens-sim --example load`.
//!
//! It holds 8,000 TCP connections open through one listener, spreads 10,000 over servers of different weights, lets a
//! server die and return, and sends datagrams. It ends with an error when one of these is not as the listener says.
//! Needs 17,000 open files for the simulator: it raises the soft limit itself; the hard one is `ulimit -Hn`.
#![forbid(unsafe_code)]

mod clients;
mod servers;
mod simulator;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tokio::time::Instant;

use anyhow::{Context as _, bail, ensure};

/// Connections that are open at once.
const OPEN: u64 = 8_000;
/// Connections that are spread by weight.
const SPREAD: u32 = 10_000;
/// Datagrams, each of a client of its own.
const DATAGRAMS: u32 = 1_000;
/// Two sockets for each connection, and some for the rest.
const FILES: u64 = 2 * OPEN + 1_000;
/// The servers' weights, by number.
const WEIGHTS: [u32; 4] = [100, 60, 30, 10];

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        None => judge(),
        Some("servers") => servers::run(),
        Some("simulator") => simulator::run(&args.collect::<Vec<_>>()),
        Some("clients") => clients::run(&args.collect::<Vec<_>>()),
        Some(other) => bail!("{other} is no part of this example: run it without arguments"),
    }
}

/// Starts the three processes, tells them what to do, and compares what they say with what has to be.
fn judge() -> anyhow::Result<()> {
    let mut servers = Process::start(&["servers"])?;
    let ports = servers.line()?;
    let mut simulator = Process::start(&["simulator", &ports])?;
    let front = simulator.line()?;
    let mut clients = Process::start(&["clients", &front])?;

    let began = Instant::now();
    let held: u64 = clients.ask(&format!("hold {OPEN}"))?.parse()?;
    println!(
        "open at once: {held} of {OPEN} connections answer, after {:.1?}",
        began.elapsed()
    );
    ensure!(held == OPEN, "not all connections are open");
    clients.ask("drop")?;

    let began = Instant::now();
    let counts = counts(&clients.ask(&format!("spread {SPREAD}"))?)?;
    let answered: u32 = counts.values().sum();
    println!(
        "spread by wrr: {answered} of {SPREAD} connections answered, after {:.1?}",
        began.elapsed()
    );
    ensure!(answered == SPREAD, "connections were lost on loopback");
    let total: u32 = WEIGHTS.iter().sum();
    for (number, weight) in WEIGHTS.iter().enumerate() {
        let got = counts.get(&number).copied().unwrap_or(0);
        let wanted = f64::from(SPREAD) * f64::from(*weight) / f64::from(total);
        let off = (f64::from(got) - wanted) / wanted * 100.0;
        println!("  server {number}, weight {weight}: {got} ({off:+.2} %)");
        ensure!(off.abs() <= 2.0, "server {number} is more than 2 % off");
    }

    servers.ask("die 3")?;
    println!("server 3 died: {}", simulator.ask("unhealthy i-3")?);
    let left = self::counts(&clients.ask("spread 1000")?)?;
    ensure!(!left.contains_key(&3), "a dead server got connections");
    servers.ask("return 3")?;
    println!("server 3 returned: {}", simulator.ask("healthy i-3")?);
    let back = self::counts(&clients.ask("spread 1000")?)?;
    ensure!(back.contains_key(&3), "a returned server got nothing");

    let answered: u32 = clients.ask(&format!("datagrams {DATAGRAMS}"))?.parse()?;
    println!("UDP: {answered} of {DATAGRAMS} datagrams answered");
    ensure!(answered == DATAGRAMS, "datagrams were lost on loopback");
    Ok(())
}

/// `0=5 2=7` as numbers by server.
fn counts(text: &str) -> anyhow::Result<BTreeMap<usize, u32>> {
    text.split_whitespace()
        .map(|pair| {
            let (server, count) = pair.split_once('=').context("no count")?;
            Ok((server.parse()?, count.parse()?))
        })
        .collect()
}

/// A part of this example in a process of its own, which answers each line with a line. It ends when its input does.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(args: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {args:?}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self {
            child,
            input,
            output,
        })
    }

    fn ask(&mut self, line: &str) -> anyhow::Result<String> {
        let input = self.input.as_mut().context("no input")?;
        writeln!(input, "{line}").with_context(|| format!("asking {line}"))?;
        self.line().with_context(|| format!("the answer to {line}"))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(
            self.output.read_line(&mut line)? > 0,
            "the process has ended"
        );
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        // It has lost its input and ends by itself.
        let _ended = self.child.wait();
    }
}

/// Raises the limit of open files to what is needed.
fn allow_open_files() -> anyhow::Result<()> {
    let (soft, hard) = rlimit::Resource::NOFILE.get()?;
    if soft < FILES {
        rlimit::Resource::NOFILE
            .set(FILES.min(hard), hard)
            .context("raising the limit of open files")?;
    }
    ensure!(
        hard >= FILES,
        "{FILES} open files are needed and {hard} are allowed: raise the hard limit (ulimit -Hn)"
    );
    Ok(())
}

/// Runs one part on a runtime of its own.
fn block_on<T>(part: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(part)
}
