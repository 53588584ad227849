//! How somebody else's controller uses each library of the workspace: see the files beside this one.
#![forbid(unsafe_code)]
