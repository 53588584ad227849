//! `cargo xtask control-plane`: a real control plane, kept up or around one command.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Subcommand;
use control_plane::{Binaries, ControlPlane};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long a command that was interrupted together with us may take to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Commands of `cargo xtask control-plane`.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Find the programs, or build them with Go into the user's cache. Says where they are.
    Build,
    /// Start a control plane, print its kubeconfig's path and leave it up until `down`.
    Up,
    /// End the one that `up` started.
    Down,
    /// Start a control plane, run a command with KUBECONFIG set, and end it.
    Run {
        /// The command.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// What `up` leaves behind.
    #[command(hide = true)]
    Hold,
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Build => {
            let binaries = binaries()?;
            println!("{}", binaries.etcd.display());
            println!("{}", binaries.kube_apiserver.display());
            println!("{}", binaries.kube_controller_manager.display());
            Ok(())
        }
        Command::Up => up(),
        Command::Down => down(),
        Command::Run { command } => {
            let status = wait(around(&command))?;
            if !status.success() {
                // What the command said goes on to whoever asked; a shell says 128 and the signal's number.
                let code = status.code().or(status.signal().map(|signal| 128 + signal));
                std::process::exit(code.unwrap_or(1));
            }
            Ok(())
        }
        Command::Hold => hold(),
    }
}

/// Runs a command with a control plane of its own, which is gone when this returns how the command ended.
async fn around(command: &[OsString]) -> Result<ExitStatus> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let binaries = binaries()?;
    let control_plane = tokio::select! {
        started = ControlPlane::start(&binaries) => started?,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    };
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", control_plane.kubeconfig_file())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let status = tokio::select! {
        status = child.wait() => status,
        _ = terminate.recv() => bail!("terminated"),
        // A terminal interrupts the command too, and it may have to clean up.
        _ = interrupt.recv() => match tokio::time::timeout(LAST_WORDS, child.wait()).await {
            Ok(status) => status,
            Err(_) => bail!("interrupted"),
        },
    };
    status.with_context(|| format!("waiting for {}", program.display()))
}

/// Starts a process that holds a control plane, unless there is one.
fn up() -> Result<()> {
    if let Ok(stream) = UnixStream::connect(socket()?) {
        print!("{}", first_line(stream)?);
        return Ok(());
    }
    // Here, where progress can be seen.
    binaries()?;
    let program = std::env::current_exe().context("finding this program")?;
    let mut holder = std::process::Command::new(program)
        .args(["control-plane", "hold"])
        // Ctrl-C in this terminal is not for it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the process that keeps it up")?;
    let stdout = holder.stdout.take().context("reading what it says")?;
    let said = first_line(stdout)?;
    match said.strip_prefix(HOLDS) {
        Some(kubeconfig) => print!("{kubeconfig}"),
        None => bail!("{}", said.trim_end()),
    }
    Ok(())
}

/// Before the path of the kubeconfig, when all went well.
const HOLDS: &str = "kubeconfig: ";

/// Keeps a control plane up until somebody says `down` on the socket, or a signal comes.
fn hold() -> Result<()> {
    let socket = socket()?;
    let held = wait(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let control_plane = ControlPlane::start(&Binaries::find()?).await?;
        // Left by one that was killed; `up` has seen that nobody listens.
        drop(std::fs::remove_file(&socket));
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("listening on {}", socket.display()))?;
        let kubeconfig = control_plane.kubeconfig_file();
        println!("{HOLDS}{}", kubeconfig.display());
        let asked = tokio::select! {
            asked = asked_to_stop(&listener, &kubeconfig) => Some(asked?),
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
        };
        drop(control_plane);
        drop(std::fs::remove_file(&socket));
        // Who asked sees the end of this connection, and that it is done.
        drop(asked);
        Ok(())
    });
    if let Err(error) = &held {
        println!("{}", format!("{error:#}").replace('\n', " | "));
    }
    held
}

/// Tells everybody who connects where the kubeconfig is; gives the connection of the one that wants an end.
async fn asked_to_stop(
    listener: &UnixListener,
    kubeconfig: &std::path::Path,
) -> Result<tokio::net::UnixStream> {
    loop {
        let (mut stream, _) = listener.accept().await.context("accepting")?;
        let line = format!("{}\n", kubeconfig.display());
        let mut said = String::new();
        // One that leaves at once wanted to know the path only.
        if stream.write_all(line.as_bytes()).await.is_ok() {
            let mut reader = tokio::io::BufReader::new(&mut stream);
            drop(reader.read_line(&mut said).await);
        }
        if said == "down\n" {
            return Ok(stream);
        }
    }
}

fn down() -> Result<()> {
    let Ok(mut stream) = UnixStream::connect(socket()?) else {
        println!("nothing is up");
        return Ok(());
    };
    stream.write_all(b"down\n").context("asking for the end")?;
    let mut rest = String::new();
    stream
        .read_to_string(&mut rest)
        .context("waiting for the end")?;
    println!("down");
    Ok(())
}

/// Where the holder listens: beside the cache, one for each user.
fn socket() -> Result<PathBuf> {
    let cache = control_plane::cache_folder();
    let cache = cache.context("no folder for the socket: set HOME or XDG_CACHE_HOME")?;
    let folder = cache.parent().unwrap_or(&cache);
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder.join("up.sock"))
}

/// Finds the programs or builds them, saying how far that is.
fn binaries() -> Result<Binaries> {
    Ok(control_plane::install(|line| eprintln!("{line}"))?)
}

fn first_line(from: impl std::io::Read) -> Result<String> {
    let mut line = String::new();
    BufReader::new(from)
        .read_line(&mut line)
        .context("reading an answer")?;
    Ok(line)
}

fn wait<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("starting the runtime")?.block_on(future)
}
