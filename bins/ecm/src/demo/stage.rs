//! How a demo speaks: headings, the commands it stands for, and a line that lives while the cloud
//! works.

use std::future::Future;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anstream::{print, println, stdout};
use anyhow::{Result, bail};
use tokio::time::Instant;

use crate::ui::{BOLD, DIM, GOOD, styled};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a step may take with the slowest simulated cloud.
const PATIENCE: Duration = Duration::from_secs(90);

/// A heading of the guide.
pub(super) fn heading(text: &str) {
    println!();
    println!("{}", styled(BOLD, text));
}

/// The command that a step stands for.
pub(super) fn command(text: &str) {
    println!("{}", styled(DIM, format!("$ {text}")));
}

/// A step that did what it should.
pub(super) fn good(text: &str) {
    println!("{} {text}", styled(GOOD, "✓"));
}

/// What a look at the world found.
pub(super) enum Look<T> {
    /// What was waited for.
    Here(T),
    /// Not yet; the text says how far it is.
    NotYet(String),
}

/// Waits for something, with a live line that says how far it is.
///
/// # Errors
/// When a look fails, or it takes longer than any simulated cloud does.
pub(super) async fn wait_for<T, F>(what: &str, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Look<T>>>,
{
    let begun = Instant::now();
    let mut line = Line::default();
    loop {
        match look().await? {
            Look::Here(found) => {
                line.end();
                good(&format!("{what} ({:.1} s)", begun.elapsed().as_secs_f64()));
                return Ok(found);
            }
            Look::NotYet(state) if begun.elapsed() > PATIENCE => {
                line.end();
                bail!("expected: {what}; after {} s: {state}", PATIENCE.as_secs());
            }
            Look::NotYet(state) => line.say(&format!("… {what}: {state}")),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A line that is written over on a terminal, and written once per change elsewhere.
#[derive(Default)]
struct Line {
    said: String,
}

impl Line {
    fn say(&mut self, text: &str) {
        if text == self.said {
            return;
        }
        if std::io::stdout().is_terminal() {
            let width = 110;
            let short: String = text.chars().take(width).collect();
            print!("\r\x1b[2K{}", styled(DIM, short));
            // A terminal that has gone away shows on the next real line.
            let _ = stdout().flush();
        } else {
            println!("{text}");
        }
        text.clone_into(&mut self.said);
    }

    fn end(&mut self) {
        if !self.said.is_empty() && std::io::stdout().is_terminal() {
            print!("\r\x1b[2K");
        }
    }
}
