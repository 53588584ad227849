//! Response bodies: a whole document, or a watch that goes on.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http_body::Frame;

use super::Shaper;
use crate::counter::Changes;
use crate::server::Watch;

/// The body of a response.
pub struct ResponseBody(Inner);

enum Inner {
    Whole(Option<Bytes>),
    Watch(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

impl ResponseBody {
    pub(super) fn whole(text: String) -> Self {
        Self(Inner::Whole(Some(Bytes::from(text))))
    }

    /// One line of JSON for each event, until the watch ends or `cuts` changes.
    pub(super) fn watch(watch: Watch, shaper: Shaper, mut cuts: Changes) -> Self {
        cuts.see();
        let lines = futures::stream::unfold(
            (watch, shaper, cuts),
            |(mut watch, mut shaper, mut cuts)| async move {
                let event = tokio::select! {
                    biased;
                    () = cuts.changed() => return None,
                    event = watch.next() => event?,
                };
                let line = format!("{}\n", shaper.shape(watch.target(), event));
                Some((Bytes::from(line), (watch, shaper, cuts)))
            },
        );
        Self(Inner::Watch(Box::pin(lines)))
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Inner::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Inner::Watch(lines) => lines
                .as_mut()
                .poll_next(cx)
                .map(|line| line.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Inner::Whole(None))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => http_body::SizeHint::with_exact(
                bytes
                    .as_ref()
                    .map_or(0, |b| u64::try_from(b.len()).unwrap_or(u64::MAX)),
            ),
            Inner::Watch(_) => http_body::SizeHint::new(),
        }
    }
}
