//! From a call to its result: admission, faults, the action itself, and views of the past.

use std::time::Duration;

use serde_json::Value;

use super::error::ApiError;
use super::faults::{self, Fault};
use super::message::{Delivery, Method, Request};
use super::params::Args;
use super::scope::Scope;
use super::transitions::{LateCall, Transition};
use super::{Cloud, State, actions};
use crate::time::Timestamp;

impl Cloud {
    /// The part of a call that faults, limits and the action itself decide.
    pub(super) fn answer(
        &mut self,
        request: &Request,
        request_id: &str,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> (Result<Value, ApiError>, Delivery) {
        if let Err(error) = self.admit(request, now) {
            return (Err(error), Delivery::Now);
        }
        match fault {
            None => (self.execute(request, request_id, now), Delivery::Now),
            Some(Fault::Refuse(error)) => (Err(error), Delivery::Now),
            Some(Fault::LoseRequest) => (Err(faults::lost()), Delivery::Lost),
            Some(Fault::LoseAnswer) => (self.execute(request, request_id, now), Delivery::Lost),
            Some(Fault::Delay(wait)) => (
                self.execute(request, request_id, now),
                Delivery::After(wait),
            ),
            Some(Fault::FailAfterEffect(error)) => {
                let _done = self.execute(request, request_id, now);
                (Err(error), Delivery::Now)
            }
            Some(Fault::Unseen) => (
                self.execute_unseeing(request, request_id, now),
                Delivery::Now,
            ),
            Some(Fault::OtherAccount) => {
                let account = "9999999999999999".to_owned();
                let request = Request {
                    account,
                    ..request.clone()
                };
                (self.execute(&request, request_id, now), Delivery::Now)
            }
            Some(Fault::Stale(age)) => (
                self.execute_stale(request, request_id, age, now),
                Delivery::Now,
            ),
            Some(Fault::ForgetTokens) => {
                if let Some(state) = self.accounts.get_mut(&request.account) {
                    state.tokens.clear();
                }
                (self.execute(request, request_id, now), Delivery::Now)
            }
            Some(Fault::LateEffect(wait)) => {
                self.put_off(request, request_id, wait, now);
                (Err(faults::lost()), Delivery::Lost)
            }
        }
    }

    /// Takes a call on, to be carried out only after `wait`.
    fn put_off(&mut self, request: &Request, request_id: &str, wait: Duration, now: Timestamp) {
        let switches = self.config.switches;
        let action = actions::find(&request.action, &switches);
        let args = action.and_then(|action| {
            let refuse_unknown = switches.unknown_parameters_refused;
            Ok((
                action,
                Args::check(action.params, &request.params, refuse_unknown)?,
            ))
        });
        // What is malformed is refused when its turn comes, and voids its token.
        if let (true, Ok((action, args))) = (switches.late_call_holds_token, args) {
            let state = self.accounts.entry(request.account.clone()).or_default();
            actions::hold_token(&mut state.tokens, action, &args, now);
        }
        let late = Transition::LateCall(Box::new(LateCall {
            request: request.clone(),
            request_id: request_id.to_owned(),
        }));
        self.pending.add(now.after(wait), &request.account, late);
    }

    /// Carries out what was put off.
    pub(super) fn catch_up(&mut self, late: &LateCall, at: Timestamp) {
        let LateCall {
            request,
            request_id,
        } = late;
        if let (Some(state), Some(token)) = (
            self.accounts.get_mut(&request.account),
            request.params.get(actions::TOKEN.name),
        ) {
            state
                .tokens
                .let_go(&(request.action.clone(), token.clone()));
        }
        let _unheard = self.execute(request, request_id, at);
    }

    /// Runs a call while all ELBs and EIPs are out of sight. What it makes stays.
    fn execute_unseeing(
        &mut self,
        request: &Request,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let mut hidden = State::default();
        if let Some(state) = self.accounts.get_mut(&request.account) {
            std::mem::swap(&mut hidden.load_balancers, &mut state.load_balancers);
            std::mem::swap(&mut hidden.eips, &mut state.eips);
        }
        let result = self.execute(request, request_id, now);
        if let Some(state) = self.accounts.get_mut(&request.account) {
            state.load_balancers.append(&mut hidden.load_balancers);
            state.eips.append(&mut hidden.eips);
        }
        result
    }

    /// Runs a read against the past; anything else as ever.
    fn execute_stale(
        &mut self,
        request: &Request,
        request_id: &str,
        age: Duration,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let then = self
            .past
            .iter()
            .rev()
            .find(|(at, _)| now.since(*at) >= age)
            .map(|(_, states)| states.clone());
        let (true, Some(then)) = (request.action.starts_with("Describe"), then) else {
            return self.execute(request, request_id, now);
        };
        let present = std::mem::replace(&mut self.accounts, then);
        let result = self.execute(request, request_id, now);
        self.accounts = present;
        result
    }

    /// Keeps how things stand now, where a rule may want to see it later.
    pub(super) fn remember(&mut self, now: Timestamp) {
        if !self.config.faults.looks_back() {
            self.past.clear();
            return;
        }
        self.past.push_back((now, self.accounts.clone()));
        // One older than the limit stays, for it is how things stood at the limit.
        while self
            .past
            .get(1)
            .is_some_and(|(at, _)| now.since(*at) >= faults::STALE_LIMIT)
        {
            self.past.pop_front();
        }
    }

    /// Is there such an action, for this method, and may this user call it now?
    fn admit(&mut self, request: &Request, now: Timestamp) -> Result<(), ApiError> {
        let action = actions::find(&request.action, &self.config.switches)?;
        if action.get_only && request.method != Method::Get {
            let message = format!("{} takes GET only.", action.name);
            return Err(ApiError::new(403, "UnsupportedHTTPMethod", message));
        }
        let taken = self.buckets.take(
            self.config.rate_limits,
            &request.account,
            action.name,
            action.per_second,
            now,
        );
        taken.map_err(|mut error| {
            if !self.config.switches.throttling_says_how_long {
                error.retry_after_ms = None;
            }
            error
        })
    }

    pub(super) fn execute(
        &mut self,
        request: &Request,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let action = actions::find(&request.action, &self.config.switches)?;
        let args = Args::check(
            action.params,
            &request.params,
            self.config.switches.unknown_parameters_refused,
        )?;
        let mut scope = Scope {
            action: action.name,
            request_id,
            account: &request.account,
            now,
            config: &self.config,
            regions: &self.regions,
            state: self.accounts.entry(request.account.clone()).or_default(),
            pending: &mut self.pending,
            journal: &mut self.journal,
            rng: &mut self.rng,
            eip_addresses: &mut self.eip_addresses,
            forwarding: &self.forwarding,
            next_eip: &mut self.next_eip,
        };
        (action.run)(&mut scope, &args)
    }
}
