//! A small faithful Kubernetes API server in process: pure core, tower service, HTTP face for kubectl. A test and demo fixture
#![forbid(unsafe_code)]
