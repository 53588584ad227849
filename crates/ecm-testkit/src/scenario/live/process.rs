//! Controllers on a thread of their own, which can die or hang as a process does.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::block_in_place;

use super::LiveError;
use crate::controllers::Running;
use crate::sandbox::Sandbox;

/// Controllers that run in a sandbox until they are stopped or killed.
pub(super) struct Process {
    /// One thread: what blocks it stops the controllers with all their connections and timers. `None` once it is over.
    runtime: Option<Runtime>,
    running: Option<Running>,
}

impl Process {
    /// Starts them. Must be called in a runtime of several threads.
    pub(super) fn start(sandbox: &Sandbox) -> Result<Self, LiveError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build()?;
        // What the controllers spawn belongs to the runtime in which they are put together.
        let running = block_in_place(|| runtime.block_on(sandbox.run()))?;
        Ok(Self {
            runtime: Some(runtime),
            running: Some(running),
        })
    }

    /// Asks them to end, and waits for that.
    pub(super) async fn stop(mut self) -> Result<(), LiveError> {
        match self.running.take() {
            Some(running) => Ok(running.stop().await?),
            None => Ok(()),
        }
    }

    /// For so long nothing goes out of them or comes in.
    pub(super) async fn stand_still(&self, time: Duration) {
        if let Some(runtime) = &self.runtime {
            #[expect(clippy::disallowed_methods, reason = "to hang is what it is for")]
            let hung = runtime.spawn(async move { std::thread::sleep(time) });
            // It ends when the time is over, or with the runtime.
            let _ = hung.await;
        }
    }
}

/// Whatever they were doing ends where it was.
impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
