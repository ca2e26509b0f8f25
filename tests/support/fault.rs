//! Rules that make a recorder misbehave.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::http::{request, response};
use serde_json::Value;
use tokio::sync::watch;

use super::recorder::{Recorded, Recorder};

/// A whole answer made by a test.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// An answer without headers of its own but `Content-Length`.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::from(body.into()),
        }
    }

    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("Content-Type", "application/json")
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

pub(crate) type Matcher = Box<dyn Fn(&Recorded) -> bool + Send>;
type RequestChange = Arc<dyn Fn(&mut request::Parts) + Send + Sync>;
type ResponseChange = Arc<dyn Fn(&Recorded, &mut response::Parts) + Send + Sync>;
type Responder = Box<dyn Fn(&Recorded) -> Option<Reply> + Send>;

/// A rule as it stands in the list of a recorder.
pub(crate) struct Rule {
    matches: Matcher,
    skip: u32,
    left: u32,
    action: Action,
}

enum Action {
    Respond(Responder),
    Cut(u64),
    Stall(u64),
    Corrupt(u64),
    IgnoreRange,
    ResponseHeader(String, Option<String>),
    Delay(Duration),
    Gather(Arc<Gathering>),
    ResetUpload(u64),
    ChangeRequest(RequestChange),
    ChangeResponse(ResponseChange),
}

/// Requests that wait for one another.
pub(crate) struct Gathering {
    count: usize,
    come: watch::Sender<usize>,
}

impl Gathering {
    /// Comes to an end when all have come.
    pub(crate) async fn wait(&self) {
        self.come.send_modify(|come| *come += 1);
        let _ = self.come.subscribe().wait_for(|come| *come >= self.count).await;
    }
}

/// All that is to be done to one exchange.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) reply: Option<Reply>,
    pub(crate) cut: Option<u64>,
    pub(crate) stall: Option<u64>,
    pub(crate) corrupt: Option<u64>,
    pub(crate) ignores_range: bool,
    pub(crate) response_headers: Vec<(String, Option<String>)>,
    pub(crate) delay: Duration,
    pub(crate) gathering: Option<Arc<Gathering>>,
    pub(crate) reset_upload: Option<u64>,
    pub(crate) request_changes: Vec<RequestChange>,
    pub(crate) response_changes: Vec<ResponseChange>,
}

impl Effects {
    /// Asks all rules in the order of their installation; an answer ends the search.
    pub(crate) fn choose(rules: &mut [Rule], request: &Recorded) -> Self {
        let mut effects = Self::default();
        for rule in rules {
            if rule.left == 0 || !(rule.matches)(request) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if let Action::Respond(respond) = &rule.action {
                effects.reply = respond(request);
                if effects.reply.is_none() {
                    continue;
                }
            }
            rule.left = rule.left.saturating_sub(u32::from(rule.left != u32::MAX));
            match &rule.action {
                Action::Respond(_) => break,
                Action::Cut(bytes) => effects.cut = Some(*bytes),
                Action::Stall(bytes) => effects.stall = Some(*bytes),
                Action::Corrupt(offset) => effects.corrupt = Some(*offset),
                Action::IgnoreRange => effects.ignores_range = true,
                Action::ResponseHeader(name, value) => {
                    effects.response_headers.push((name.clone(), value.clone()));
                }
                Action::Delay(time) => effects.delay = *time,
                Action::Gather(gathering) => effects.gathering = Some(Arc::clone(gathering)),
                Action::ResetUpload(bytes) => effects.reset_upload = Some(*bytes),
                Action::ChangeRequest(change) => effects.request_changes.push(Arc::clone(change)),
                Action::ChangeResponse(change) => effects.response_changes.push(Arc::clone(change)),
            }
        }
        effects
    }
}

/// A rule in the making; the last call says what happens and installs it.
#[must_use = "a rule without an action does nothing"]
pub(crate) struct When<'a> {
    recorder: &'a Recorder,
    matches: Matcher,
    skip: u32,
    left: u32,
}

impl<'a> When<'a> {
    pub(crate) fn new(recorder: &'a Recorder, matches: Matcher) -> Self {
        Self {
            recorder,
            matches,
            skip: 0,
            left: u32::MAX,
        }
    }

    /// Only for the first `count` requests that match; without it for all.
    pub(crate) fn times(mut self, count: u32) -> Self {
        self.left = count;
        self
    }

    /// Lets the first `count` requests that match pass.
    pub(crate) fn after(mut self, count: u32) -> Self {
        self.skip = count;
        self
    }

    /// Answers so; the request does not reach the registry.
    pub(crate) fn answer(self, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
        let mut reply = Reply::new(status, body);
        for (name, value) in headers {
            reply = reply.header(name, value);
        }
        self.respond(move |_| Some(reply.clone()));
    }

    /// Answers what the function makes of the request; `None` lets the request pass.
    pub(crate) fn respond(self, respond: impl Fn(&Recorded) -> Option<Reply> + Send + 'static) {
        self.install(Action::Respond(Box::new(respond)));
    }

    /// Redirects to a URL.
    pub(crate) fn redirect(self, status: u16, url: &str) {
        self.answer(status, &[("Location", url)], "");
    }

    /// Redirects to the same path on another host; `base` is for example `http://localhost:1234`.
    pub(crate) fn redirect_to_host(self, status: u16, base: &str) {
        let base = base.to_owned();
        self.respond(move |request| {
            let url = format!("{base}{}", request.path);
            Some(Reply::new(status, "").header("Location", &url))
        });
    }

    /// Breaks the connection after `bytes` of the response body; its Content-Length stays.
    pub(crate) fn cut_after(self, bytes: u64) {
        self.install(Action::Cut(bytes));
    }

    /// Sends no more after `bytes` of the response body, but keeps the connection.
    pub(crate) fn stall_after(self, bytes: u64) {
        self.install(Action::Stall(bytes));
    }

    /// Flips all bits of the byte at `offset` of the response body.
    pub(crate) fn corrupt_at(self, offset: u64) {
        self.install(Action::Corrupt(offset));
    }

    /// Hides the Range header from the registry, so that it answers 200 with everything.
    pub(crate) fn ignore_range(self) {
        self.install(Action::IgnoreRange);
    }

    /// Sets a header of the response.
    pub(crate) fn set_header(self, name: &str, value: &str) {
        let action = Action::ResponseHeader(name.to_owned(), Some(value.to_owned()));
        self.install(action);
    }

    /// Removes a header from the response.
    pub(crate) fn remove_header(self, name: &str) {
        self.install(Action::ResponseHeader(name.to_owned(), None));
    }

    /// Waits before the request goes on to the registry.
    pub(crate) fn delay(self, time: Duration) {
        self.install(Action::Delay(time));
    }

    /// Lets none go on to the registry before `count` are waiting, and all from then on.
    pub(crate) fn gather(self, count: usize) {
        self.install(Action::Gather(Arc::new(Gathering {
            count,
            come: watch::Sender::new(0),
        })));
    }

    /// Resets the connection after `bytes` of the request body; the registry saw that many too.
    pub(crate) fn reset_upload_after(self, bytes: u64) {
        self.install(Action::ResetUpload(bytes));
    }

    /// Changes the request before the registry sees it; the record has it as it came.
    pub(crate) fn change_request(self, change: impl Fn(&mut request::Parts) + Send + Sync + 'static) {
        self.install(Action::ChangeRequest(Arc::new(change)));
    }

    /// Changes what the registry answers.
    pub(crate) fn change_response(self, change: impl Fn(&Recorded, &mut response::Parts) + Send + Sync + 'static) {
        self.install(Action::ChangeResponse(Arc::new(change)));
    }

    fn install(self, action: Action) {
        self.recorder.install(Rule {
            matches: self.matches,
            skip: self.skip,
            left: self.left,
            action,
        });
    }
}
