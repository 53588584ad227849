//! The gateway, driven by hand-made requests.
