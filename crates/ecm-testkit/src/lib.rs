//! Both simulators and the controllers wired together: the sandbox, scenarios and invariants
#![forbid(unsafe_code)]
