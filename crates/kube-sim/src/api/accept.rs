//! What a client accepts.

use crate::status::Status;

/// The outcome of content negotiation.
#[derive(Debug, Clone)]
pub(crate) struct Accept {
    pub(crate) shape: Shape,
    /// `APIGroupDiscoveryList` of `apidiscovery.k8s.io/v2`.
    pub(crate) aggregated_discovery: bool,
}

/// The shape in which objects are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The objects themselves.
    Full,
    /// `meta.k8s.io/v1` PartialObjectMetadata.
    Partial,
    /// `meta.k8s.io/v1` PartialObjectMetadataList.
    PartialList,
    /// `meta.k8s.io/v1` Table.
    Table,
}

impl Accept {
    /// The first alternative that can be served. The order counts, quality values do not, as in the real server.
    pub(crate) fn parse(header: &str) -> Result<Self, Status> {
        let plain = Self {
            shape: Shape::Full,
            aggregated_discovery: false,
        };
        if header.trim().is_empty() {
            return Ok(plain);
        }
        for alternative in header.split(',') {
            let mut parts = alternative.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let parameters: Vec<(&str, &str)> = parts.filter_map(|p| p.split_once('=')).collect();
            let parameter = |key| parameters.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
            if !matches!(media_type, "application/json" | "application/*" | "*/*") {
                continue;
            }
            match (parameter("as"), parameter("g"), parameter("v")) {
                (None, _, _) => return Ok(plain),
                (Some("Table"), Some("meta.k8s.io"), Some("v1")) => {
                    return Ok(Self {
                        shape: Shape::Table,
                        ..plain
                    });
                }
                (Some("PartialObjectMetadata"), Some("meta.k8s.io"), Some("v1")) => {
                    return Ok(Self {
                        shape: Shape::Partial,
                        ..plain
                    });
                }
                (Some("PartialObjectMetadataList"), Some("meta.k8s.io"), Some("v1")) => {
                    return Ok(Self {
                        shape: Shape::PartialList,
                        ..plain
                    });
                }
                (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => {
                    return Ok(Self {
                        aggregated_discovery: true,
                        ..plain
                    });
                }
                _ => {}
            }
        }
        Err(Status::not_acceptable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_alternative_that_can_be_served_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(Accept::parse(kubectl).unwrap().shape, Shape::Table);
        let meta = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert_eq!(Accept::parse(meta).unwrap().shape, Shape::PartialList);
        let typed = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(Accept::parse(typed).unwrap().shape, Shape::Full);
        assert!(Accept::parse("application/vnd.kubernetes.protobuf").is_err());
    }
}
