//! Processes that do not outlive the one that started them, and their folder.
//!
//! The kernel tells a process of its parent's death by one thing on every Unix: the pipe that the parent held is closed. A
//! guard waits for that, ends the process group and removes the folder. An orderly end closes the pipe too: there is one
//! way down, and it is taken on Ctrl-C, on a panic and on SIGKILL alike.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Waits for the end of its standard input, then ends the group `$1` and removes the folder `$2`. The processes are killed
/// and not asked: what they keep is thrown away, and an API server takes up to a minute to say goodbye to watchers. One
/// that is being killed may still write a file, hence the second try.
const GUARD: &str = r#"
trap '' HUP INT TERM
cat
kill -s KILL -- "-$1"
for try in 1 2 3 4 5; do
  rm -rf -- "$2" && exit
  sleep 0.2
done
"#;

/// How many lines of a log tell why a process ended.
const LAST_LINES: usize = 15;

/// A folder, and the processes that live in it.
pub(crate) struct Processes {
    folder: PathBuf,
    /// Gives the group its id for as long as the parent lives: it reads from a pipe that nobody writes to.
    leader: Child,
    guard: Child,
    running: Vec<Process>,
}

struct Process {
    name: &'static str,
    child: Child,
}

impl Processes {
    /// Starts the guard of a new folder.
    pub(crate) fn guard(folder: tempfile::TempDir) -> io::Result<Self> {
        let mut leader = held(&mut Command::new("cat"))?;
        let mut script = Command::new("sh");
        script.args(["-c", GUARD, "guard"]);
        script.arg(leader.id().to_string()).arg(folder.path());
        let guard = match held(&mut script) {
            Ok(guard) => guard,
            Err(error) => {
                drop(leader.stdin.take());
                drop(leader.wait());
                return Err(error);
            }
        };
        Ok(Self {
            // From here on the guard removes it.
            folder: folder.keep(),
            leader,
            guard,
            running: Vec::new(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a program; what it prints goes into `NAME.log` in the folder.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: &[String],
    ) -> io::Result<()> {
        let log = File::create(self.log(name))?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .process_group(self.leader.id().cast_signed())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.running.push(Process { name, child });
        Ok(())
    }

    /// The first process that has ended although nobody asked it to.
    pub(crate) fn ended(&mut self) -> io::Result<Option<(&'static str, ExitStatus)>> {
        for process in &mut self.running {
            if let Some(status) = process.child.try_wait()? {
                return Ok(Some((process.name, status)));
            }
        }
        Ok(None)
    }

    /// The last lines of what a process printed.
    pub(crate) fn last_lines(&self, name: &str) -> String {
        let text = std::fs::read(self.log(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Both fail only for a child that was waited for.
        for process in &mut self.running {
            drop(process.child.kill());
            drop(process.child.wait());
        }
        drop(self.leader.wait());
        drop(self.guard.wait());
    }
}

/// Starts a command of its own group, out of reach of a terminal's Ctrl-C, that reads from a pipe of ours.
fn held(command: &mut Command) -> io::Result<Child> {
    command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper() -> Processes {
        let folder = tempfile::Builder::new()
            .prefix("ecm-processes-")
            .tempdir()
            .unwrap();
        let mut processes = Processes::guard(folder).unwrap();
        let script = [
            "-c".to_owned(),
            "sleep 1000 & echo one; echo two; wait".to_owned(),
        ];
        processes
            .spawn("sleeper", Path::new("sh"), &script)
            .unwrap();
        processes
    }

    fn is_alive(pid: u32) -> bool {
        Path::new(&format!("/proc/{pid}")).exists()
    }

    #[test]
    fn nothing_is_left_of_what_is_dropped() {
        let processes = sleeper();
        let (folder, pid) = (
            processes.folder().to_owned(),
            processes.running[0].child.id(),
        );
        assert!(is_alive(pid) && folder.exists());
        drop(processes);
        assert!(!is_alive(pid) && !folder.exists());
    }

    #[test]
    fn a_process_that_ends_by_itself_is_named_with_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut processes = Processes::guard(folder).unwrap();
        let script = ["-c".to_owned(), "echo cannot; exit 3".to_owned()];
        processes.spawn("brief", Path::new("sh"), &script).unwrap();
        processes.running[0].child.wait().unwrap();
        let (name, status) = processes.ended().unwrap().unwrap();
        assert_eq!((name, status.code()), ("brief", Some(3)));
        assert_eq!(processes.last_lines("brief"), "cannot");
    }
}
