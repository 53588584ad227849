//! Words for writing schemas of CustomResourceDefinitions.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceSubresourceStatus, CustomResourceSubresources,
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// A value of a type, and what it is for (shown by `kubectl explain`).
pub(crate) fn typed(type_: &str, description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        type_: Some(type_.to_owned()),
        description: (!description.is_empty()).then(|| description.to_owned()),
        ..JSONSchemaProps::default()
    }
}

/// A text.
pub(crate) fn string(description: &str) -> JSONSchemaProps {
    typed("string", description)
}

/// A number of a format, `int32` or `int64`.
pub(crate) fn integer(format: &str, description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        format: Some(format.to_owned()),
        ..typed("integer", description)
    }
}

/// An object with these fields.
pub(crate) fn object(
    description: &str,
    fields: impl IntoIterator<Item = (&'static str, JSONSchemaProps)>,
) -> JSONSchemaProps {
    let fields = fields
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema));
    JSONSchemaProps {
        properties: Some(fields.collect()),
        ..typed("object", description)
    }
}

/// An object with any keys and texts as values.
pub(crate) fn map(description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        additional_properties: Some(JSONSchemaPropsOrBool::Schema(Box::new(string("")))),
        ..typed("object", description)
    }
}

/// A list.
pub(crate) fn list(description: &str, items: JSONSchemaProps) -> JSONSchemaProps {
    JSONSchemaProps {
        items: Some(JSONSchemaPropsOrArray::Schema(Box::new(items))),
        ..typed("array", description)
    }
}

/// A list that one writer owns as a whole.
pub(crate) fn atomic_list(description: &str, items: JSONSchemaProps) -> JSONSchemaProps {
    JSONSchemaProps {
        x_kubernetes_list_type: Some("atomic".to_owned()),
        ..list(description, items)
    }
}

/// The same object, of which these fields must be there.
pub(crate) fn with_required(object: JSONSchemaProps, fields: &[&str]) -> JSONSchemaProps {
    JSONSchemaProps {
        required: Some(fields.iter().map(|field| (*field).to_owned()).collect()),
        ..object
    }
}

/// A column of `kubectl get`.
pub(crate) fn column(name: &str, type_: &str, path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    }
}

/// A column that only `kubectl get -o wide` shows.
pub(crate) fn wide_column(name: &str, type_: &str, path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        priority: Some(1),
        ..column(name, type_, path)
    }
}

/// A status that has its own endpoint.
pub(crate) fn status_subresource() -> CustomResourceSubresources {
    let nothing = serde_json::Value::Object(serde_json::Map::new());
    CustomResourceSubresources {
        status: Some(CustomResourceSubresourceStatus(nothing)),
        ..CustomResourceSubresources::default()
    }
}
