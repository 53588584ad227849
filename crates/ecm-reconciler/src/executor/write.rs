//! One step: the calls that it takes, and what their answers mean.

use std::sync::Arc;

use ecm_policy::ledger::Intent;
use ecm_policy::listeners::Listener;
use ecm_policy::plan::Step;
use ens_openapi::api::backend::{AddBackendServers, RemoveBackendServers, SetBackendServers};
use ens_openapi::api::eip::{AssociateEnsEipAddress, EipTarget, ModifyEnsEipAddressAttribute};
use ens_openapi::api::load_balancer::LoadBalancerStatus;
use ens_openapi::{Effect, EnsApi, ErrorClass};

use super::{Done, Outcome, StepError};
use crate::convert;
use crate::leader::Leadership;

/// Writes to the cloud, while it leads.
pub(super) struct Write<'a> {
    pub(super) api: Arc<dyn EnsApi>,
    pub(super) leadership: &'a Leadership,
    /// Whether the load balancer has refused a write not long ago, because of another or of its state.
    pub(super) is_slow: bool,
    /// Whether no other write of ours keeps the load balancer busy.
    pub(super) is_quiet: bool,
}

impl Write<'_> {
    /// Carries out a step. A batch of servers that is refused because of one of them is split, so
    /// that one bad id never blocks the rest (behaviour 7.5); each piece has a result of its own.
    pub(super) async fn carry_out(&self, step: Step) -> Vec<Done> {
        let mut done = Vec::new();
        let mut open = vec![step];
        while let Some(step) = open.pop() {
            let result = self.step(&step).await;
            match (&result, halves(&step)) {
                (Err(StepError::Cloud(error)), Some((first, second))) if is_about_one(error) => {
                    open.extend([second, first]);
                }
                _ => done.push(Done { step, result }),
            }
        }
        done
    }

    async fn step(&self, step: &Step) -> Result<Outcome, StepError> {
        self.leadership.check()?;
        let api = self.api.as_ref();
        match step {
            Step::CreateLoadBalancer(intent) => self.create_load_balancer(intent).await,
            Step::CreateEip(intent) => self.create_eip(intent).await,
            Step::ActivateLoadBalancer { id } => changed(
                api.set_load_balancer_status(id, LoadBalancerStatus::Active)
                    .await,
            ),
            Step::RenameLoadBalancer { id, name } => {
                changed(api.modify_load_balancer_attribute(id, name).await)
            }
            Step::ReleaseLoadBalancer { id, is_active } => {
                self.release_load_balancer(id, *is_active).await
            }
            Step::BindEip { id, load_balancer } => changed(
                api.associate_eip(&AssociateEnsEipAddress::new(
                    id,
                    load_balancer,
                    EipTarget::SlbInstance,
                ))
                .await,
            ),
            Step::UnbindEip { id } => removed(api.unassociate_eip(id).await),
            Step::SetEipBandwidth { id, bandwidth } => {
                let mut request = ModifyEnsEipAddressAttribute::new(id);
                request.bandwidth = Some(*bandwidth);
                changed(api.modify_eip(&request).await)
            }
            Step::ReleaseEip { id } => self.release_eip(id).await,
            Step::CreateListener {
                load_balancer,
                listener,
            } => {
                let spec = spec(load_balancer, listener)?;
                changed(api.create_listener(&spec).await)
            }
            Step::SetListener {
                load_balancer,
                listener,
            } => self.set_listener(load_balancer, listener).await,
            Step::StartListener { load_balancer, key } => changed(
                api.start_listener(&convert::listener_key(load_balancer, *key))
                    .await,
            ),
            Step::StopListener { load_balancer, key } => removed(
                api.stop_listener(&convert::listener_key(load_balancer, *key))
                    .await,
            ),
            Step::DeleteListener { load_balancer, key } => removed(
                api.delete_listener(&convert::listener_key(load_balancer, *key))
                    .await,
            ),
            Step::AddBackends {
                load_balancer,
                servers,
            } => {
                let servers = servers.iter().map(convert::new_server).collect();
                let request = AddBackendServers::new(load_balancer, servers);
                changed(api.add_backend_servers(&request).await)
            }
            Step::SetWeights {
                load_balancer,
                servers,
            } => {
                let servers = servers.iter().map(convert::known_server).collect();
                let request = SetBackendServers::new(load_balancer, servers);
                changed(api.set_backend_servers(&request).await)
            }
            Step::RemoveBackends {
                load_balancer,
                servers,
            } => {
                let servers: Vec<_> = servers.iter().map(convert::known_server).collect();
                let request = RemoveBackendServers::new(load_balancer, servers);
                match api.remove_backend_servers(&request).await {
                    // Which one of several is gone is found by splitting.
                    Err(error) if request.backend_servers.len() > 1 => Err(error.into()),
                    result => removed(result),
                }
            }
        }
    }

    async fn create_load_balancer(&self, intent: &Intent) -> Result<Outcome, StepError> {
        let request = convert::create_load_balancer(intent).ok_or(StepError::BrokenIntent)?;
        Ok(Outcome::Created(
            self.api
                .create_load_balancer(&request)
                .await?
                .load_balancer_id,
        ))
    }

    async fn create_eip(&self, intent: &Intent) -> Result<Outcome, StepError> {
        let request = convert::create_eip(intent).ok_or(StepError::BrokenIntent)?;
        Ok(Outcome::Created(
            self.api.create_eip(&request).await?.allocation_id,
        ))
    }

    /// ReleaseInstance is documented for load balancers; where an account's gateway does not know
    /// it, DeleteLoadBalancer is what terraform calls. A load balancer whose state forbids its
    /// release is set InActive first (behaviour 8.2).
    async fn release_load_balancer(&self, id: &str, is_active: bool) -> Result<Outcome, StepError> {
        // Where even a refused release keeps it busy, the stop that follows is refused as well, every time: the stop
        // goes first then.
        if is_active && self.is_slow {
            match self.stop_load_balancer(id).await {
                // Whoever may not stop it may be allowed to release it.
                Err(StepError::Cloud(error)) if error.effect() != Effect::Ambiguous => {}
                stopped => return stopped,
            }
            self.leadership.check()?;
        }
        let mut released = self.api.release_instance(id).await.map(|_| ());
        if let Err(error) = &released
            && is_unknown_here(error)
        {
            released = self.api.delete_load_balancer(id).await.map(|_| ());
        }
        match released {
            Err(error) if is_active && error.class() == ErrorClass::Busy => {
                self.leadership.check()?;
                self.stop_load_balancer(id).await
            }
            released => removed(released),
        }
    }

    async fn stop_load_balancer(&self, id: &str) -> Result<Outcome, StepError> {
        let inactive = LoadBalancerStatus::InActive;
        match self.api.set_load_balancer_status(id, inactive).await {
            // A release that was asked for before is under way.
            Err(error) if error.is_gone() => Ok(Outcome::AlreadyGone),
            stopped => stopped
                .map(|_| Outcome::StoppedFirst)
                .map_err(StepError::from),
        }
    }

    /// DeleteEip is documented for pay-as-you-go EIPs; ReleaseInstance is the older way.
    async fn release_eip(&self, id: &str) -> Result<Outcome, StepError> {
        match self.api.delete_eip(id).await {
            Err(error) if is_unknown_here(&error) => removed(self.api.release_instance(id).await),
            released => removed(released),
        }
    }

    /// Where the cloud refuses to change a running listener, it is stopped (behaviour 6.2). A load
    /// balancer that is busy with another write of ours refuses as well: that is no reason to
    /// interrupt what runs.
    async fn set_listener(
        &self,
        load_balancer: &str,
        listener: &Listener,
    ) -> Result<Outcome, StepError> {
        let spec = spec(load_balancer, listener)?;
        match self.api.set_listener(&spec).await {
            Err(error)
                if error.class() == ErrorClass::Busy
                    && (self.is_quiet || is_about_listener(&error)) =>
            {
                self.leadership.check()?;
                let key = convert::listener_key(load_balancer, listener.key);
                self.api.stop_listener(&key).await?;
                Ok(Outcome::StoppedFirst)
            }
            set => changed(set),
        }
    }
}

/// Whether a wrong state is that of the listener, and not of its load balancer.
fn is_about_listener(error: &ens_openapi::Error) -> bool {
    error.code() == Some("IncorrectListenerStatus")
}

/// A batch of servers as two; `None` for what cannot be split.
fn halves(step: &Step) -> Option<(Step, Step)> {
    let half = step.server_count()? / 2;
    let part = |is_first: bool| {
        let mut place = 0..;
        step.clone()
            .with_servers(|_, _| place.next().is_some_and(|n| (n < half) == is_first))
    };
    part(true).zip(part(false))
}

fn spec(
    load_balancer: &str,
    listener: &Listener,
) -> Result<ens_openapi::api::listener::ListenerSpec, StepError> {
    let protocol = convert::transport(listener.key.protocol)
        .ok_or_else(|| StepError::Protocol(listener.key.to_string()))?;
    Ok(convert::listener_spec(load_balancer, protocol, listener))
}

fn changed<T>(result: Result<T, ens_openapi::Error>) -> Result<Outcome, StepError> {
    result.map(|_| Outcome::Changed).map_err(StepError::from)
}

/// A removal of what is not there has succeeded.
fn removed<T>(result: Result<T, ens_openapi::Error>) -> Result<Outcome, StepError> {
    match result {
        Ok(_) => Ok(Outcome::Changed),
        Err(error) if error.is_gone() => Ok(Outcome::AlreadyGone),
        Err(error) => Err(error.into()),
    }
}

/// The gateway does not know the action, or not for this kind of resource.
fn is_unknown_here(error: &ens_openapi::Error) -> bool {
    error.code().is_some_and(|code| {
        code == "InvalidAction.NotFound"
            || code == "InvalidApi.NotFound"
            || code.starts_with("InvalidParameter")
    })
}

/// The refusal may be about one server of the batch and not about the call.
pub(super) fn is_about_one(error: &ens_openapi::Error) -> bool {
    matches!(error.class(), ErrorClass::Gone | ErrorClass::Invalid)
        && error.code() != Some("LoadBalancerNotFound")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attach(ids: &[&str]) -> Step {
        Step::AddBackends {
            load_balancer: "lb-1".into(),
            servers: ids
                .iter()
                .map(|id| ecm_policy::backends::Backend {
                    server_id: (*id).into(),
                    node: String::new(),
                    weight: 100,
                })
                .collect(),
        }
    }

    #[test]
    fn rule_7_5_a_refused_batch_is_split_down_to_one_server_each() {
        let mut open = vec![attach(&["a", "b", "c", "d", "e"])];
        let mut single = Vec::new();
        while let Some(step) = open.pop() {
            match halves(&step) {
                Some((first, second)) => open.extend([second, first]),
                None => single.push(step),
            }
        }
        let each: Vec<Step> = ["a", "b", "c", "d", "e"]
            .iter()
            .map(|id| attach(&[id]))
            .collect();
        assert_eq!(single, each);
        assert_eq!(halves(&Step::ReleaseEip { id: "eip-1".into() }), None);
    }
}
