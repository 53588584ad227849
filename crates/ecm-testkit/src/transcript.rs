//! What happened in a run, line by line.

use std::fmt;
use std::time::Duration;

/// Everything that happened, in its order. Two runs of one scenario and seed have equal ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The lines.
    pub entries: Vec<Entry>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, since the start of the run.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The scenario went a step on.
    Step(String),
    /// A controller process called the cloud or the API server.
    Call(Call),
    /// Something that the run itself did: a fault, the end or start of a process.
    Note(String),
    /// An invariant does not hold.
    Violation(String),
}

/// An external call of a controller process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Number in the run, from 1, in the order of arrival. Watches are not counted.
    pub number: u64,
    /// Which process made it, from 1.
    pub process: u32,
    /// To whom.
    pub side: Side,
    /// The action or verb, such as `CreateLoadBalancer` or `PATCH`.
    pub verb: String,
    /// Parameters, or path and body.
    pub detail: String,
    /// Whether it can change something.
    pub is_write: bool,
    /// What was answered: an HTTP status and the cloud's code.
    pub answer: String,
}

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The cloud.
    Cloud,
    /// The API server.
    Cluster,
}

/// Whether an action of the cloud only reads. The harness has its own opinion of that: what the controllers' client takes
/// for a read is among what is judged.
pub fn is_read(action: &str) -> bool {
    action.starts_with("Describe") || action == "GetCallerIdentity"
}

impl Transcript {
    /// All calls, oldest first.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Call(call) => Some(call),
            _ => None,
        })
    }

    /// What did not hold, with its time.
    pub fn violations(&self) -> Vec<String> {
        let text = |entry: &Entry| match &entry.what {
            What::Violation(text) => Some(format!("+{:.3}s {text}", entry.at.as_secs_f64())),
            _ => None,
        };
        self.entries.iter().filter_map(text).collect()
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            let at = entry.at.as_secs_f64();
            match &entry.what {
                What::Step(text) => writeln!(f, "{at:>10.3} == {text}")?,
                What::Note(text) => writeln!(f, "{at:>10.3} -- {text}")?,
                What::Violation(text) => writeln!(f, "{at:>10.3} !! {text}")?,
                What::Call(call) => writeln!(f, "{at:>10.3} {call}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Cloud => "cloud",
            Side::Cluster => "kube",
        };
        let mark = if self.is_write { "*" } else { " " };
        write!(
            f,
            "#{:<4}p{} {side:<5}{mark} {} {} -> {}",
            self.number, self.process, self.verb, self.detail, self.answer
        )
    }
}
