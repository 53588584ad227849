//! Listeners of an ELB over TCP and UDP, and what listeners of every protocol share.
//!
//! A listener is created Stopped and has to be started; its backend port can never be changed. Units, limits and
//! defaults are those of the ENS help pages and of the models of alibabacloud-ens20171110 12.1.0.

mod read;
mod spec;

use serde::{Deserialize, Serialize};

use super::request::request;
use super::types::Acknowledged;
use super::wire::text_enum;

pub(super) use read::unless_empty;
pub use read::{
    DescribeListener, DescribeLoadBalancerListeners, ListenerAttribute, ListenerSummary,
};
pub use spec::{CreateListener, HealthCheck, HttpProbe, ListenerSpec, SetListener, UdpProbe};

text_enum! {
    /// Protocol of a listener.
    ListenerProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// HTTP.
        Http = "http",
        /// HTTPS.
        Https = "https",
    }
}

text_enum! {
    /// State of a listener. Attribute reads give `Running`, the list gives `running`: texts are compared without case.
    ListenerStatus {
        /// It forwards.
        Running = "Running",
        /// It does not forward. A new listener is stopped.
        Stopped = "Stopped",
        /// On its way to Running.
        Starting = "Starting",
        /// A change is being applied.
        Configuring = "Configuring",
        /// On its way to Stopped.
        Stopping = "Stopping",
    }
}

text_enum! {
    /// How a listener chooses a backend. The API's default is [`Scheduler::Wrr`].
    ///
    /// SDK 12.1.0: TCP takes wrr, wlc, rr, sch, tch; UDP takes all; HTTP and HTTPS take all but tch.
    Scheduler {
        /// Weighted round robin.
        Wrr = "wrr",
        /// Weighted least connections.
        Wlc = "wlc",
        /// Round robin.
        Rr = "rr",
        /// Hash of the source address.
        Sch = "sch",
        /// Hash of the 4-tuple.
        Tch = "tch",
        /// Hash of the QUIC connection id.
        Qch = "qch",
        /// Hash of the QUIC connection id, of its initial packet.
        Iqch = "iqch",
    }
}

/// Protocol of a listener that [`ListenerSpec`] describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl From<TransportProtocol> for ListenerProtocol {
    fn from(protocol: TransportProtocol) -> Self {
        match protocol {
            TransportProtocol::Tcp => Self::Tcp,
            TransportProtocol::Udp => Self::Udp,
        }
    }
}

/// Which listener: port and protocol on an ELB. TCP and UDP on one port are two listeners, so the protocol is always
/// sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// The ELB.
    pub load_balancer_id: String,
    /// Front port, 1 to 65535.
    pub port: u16,
    /// Protocol.
    pub protocol: ListenerProtocol,
}

impl ListenerKey {
    /// The listener on this port and protocol of this ELB.
    pub fn new(
        load_balancer_id: impl Into<String>,
        protocol: impl Into<ListenerProtocol>,
        port: u16,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            port,
            protocol: protocol.into(),
        }
    }
}

macro_rules! listener_request {
    ($(#[$doc:meta])* $name:ident, $action:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[non_exhaustive]
        pub struct $name {
            /// The ELB.
            pub load_balancer_id: String,
            /// Front port.
            pub listener_port: u16,
            /// Protocol. The API wants it only where two listeners share a port; it is always sent.
            pub listener_protocol: ListenerProtocol,
        }

        impl From<ListenerKey> for $name {
            fn from(key: ListenerKey) -> Self {
                Self {
                    load_balancer_id: key.load_balancer_id,
                    listener_port: key.port,
                    listener_protocol: key.protocol,
                }
            }
        }

        request!($name, $action, Acknowledged);
    };
}

listener_request! {
    /// `StartLoadBalancerListener`: starts a listener; Starting, then Running.
    ///
    /// * Repeat: yes, it sets a state.
    /// * Done: later, when the listener is Running.
    /// * Rate: 10 a second for one user.
    /// * Source: ENS API reference, `StartLoadBalancerListener`; models of alibabacloud-ens20171110 12.1.0.
    StartLoadBalancerListener, "StartLoadBalancerListener"
}

listener_request! {
    /// `StopLoadBalancerListener`: stops a listener; Stopping, then Stopped.
    ///
    /// * Repeat: yes, it sets a state.
    /// * Done: later, when the listener is Stopped.
    /// * Rate: 10 a second for one user.
    /// * Source: ENS API reference, `StopLoadBalancerListener`; models of alibabacloud-ens20171110 12.1.0.
    StopLoadBalancerListener, "StopLoadBalancerListener"
}

listener_request! {
    /// `DeleteLoadBalancerListener`: deletes a listener. The API may want it stopped first
    /// (`IncorrectListenerStatus`); its port may stay taken for a while (`ListenerAlreadyExists`).
    ///
    /// * Repeat: yes, "not found" then says that it is done.
    /// * Done: later, when the read does not find the listener.
    /// * Rate: 10 a second for one user.
    /// * Source: ENS API reference, `DeleteLoadBalancerListener`; models of alibabacloud-ens20171110 12.1.0.
    DeleteLoadBalancerListener, "DeleteLoadBalancerListener"
}
