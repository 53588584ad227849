//! Watches, read line by line with deadlines.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::Value;

use crate::answer::name;
use crate::failure::{Failure, holds};
use crate::test::{Call, Test};

/// How long the next event may take. Controllers of a real cluster need some seconds for some of them.
const PATIENCE: Duration = Duration::from_secs(45);

/// A running watch.
pub(crate) struct Watch {
    request: String,
    body: Body,
    buffer: Vec<u8>,
}

/// One line of a watch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) object: Value,
}

impl Event {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }
}

impl Watch {
    /// Starts a watch that has to be accepted.
    pub(crate) async fn start(test: &Test, call: &Call<'_>) -> Result<Self, Failure> {
        let response = test.stream(call).await?;
        let code = response.status().as_u16();
        holds(&call.shown(), code == 200, "200", &code)?;
        Ok(Self {
            request: call.shown(),
            body: response.into_body(),
            buffer: Vec::new(),
        })
    }

    /// The next event; none when the server ended the watch.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        let next = tokio::time::timeout(PATIENCE, self.read()).await;
        next.map_err(|_| Failure::Deadline("an event of a watch"))?
    }

    async fn read(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return self.event(&line).map(Some);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(source)) => {
                    return Err(Failure::NoAnswer {
                        request: self.request.clone(),
                        source: Box::new(source),
                    });
                }
                Some(Ok(frame)) => {
                    let data: Bytes = frame.into_data().unwrap_or_default();
                    self.buffer.extend_from_slice(&data);
                }
            }
        }
    }

    fn event(&self, line: &[u8]) -> Result<Event, Failure> {
        let line: Value = serde_json::from_slice(line).unwrap_or_default();
        let kind = line["type"].as_str().unwrap_or_default().to_owned();
        holds(&self.request, !kind.is_empty(), "a watch event", &line)?;
        Ok(Event {
            kind,
            object: line["object"].clone(),
        })
    }

    /// The object of the next event, which has to be of this kind and about this name.
    pub(crate) async fn expect(&mut self, kind: &str, about: &str) -> Result<Value, Failure> {
        let expected = format!("{kind} {about}");
        let Some(event) = self.next().await? else {
            return Err(Failure::Differs {
                what: self.request.clone(),
                expected,
                found: "the end of the watch".to_owned(),
            });
        };
        let is_so = event.is(kind) && name(&event.object) == about;
        let found = format!("{} {}", event.kind, event.object);
        holds(&self.request, is_so, &expected, &found)?;
        Ok(event.object)
    }

    /// The end of the watch, with nothing before it.
    pub(crate) async fn expect_end(&mut self) -> Result<(), Failure> {
        let next = self.next().await?;
        let found = format!("{next:?}");
        holds(
            &self.request,
            next.is_none(),
            "the end of the watch",
            &found,
        )
    }

    /// The object of the first event that is wanted; others are passed over.
    pub(crate) async fn until(
        &mut self,
        what: &'static str,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Value, Failure> {
        while let Some(event) = self.next().await? {
            if wanted(&event) {
                return Ok(event.object);
            }
        }
        Err(Failure::Deadline(what))
    }
}
