//! What `wf-run submit` makes: the engine as a Job, the workflow's file in `ConfigMap`s, input brought in.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::jobs::{escaped, ignore_disruptions, once};
use super::{CONTAINER, Class, Data, ObjectError, Objects, Pod, WORKER, WORKFLOW_DIR, place_env};
use crate::k8s::name::Role;

/// The most parts that a workflow's file is split into.
pub const WORKFLOW_PARTS: usize = 8;
/// The most bytes of a part. A ConfigMap may have 1 MiB, and 1.5 MiB in all as it is sent, in base64.
pub(super) const PART_BYTES: usize = 900 << 10;
/// The most bytes of a workflow's file that is put together again.
const MOST_WORKFLOW_BYTES: u64 = 4 << 30;
/// How often the engine's pod is made again, so that it goes on with the run.
const ENGINE_BACK_OFF: u32 = 3;
/// The volume with the parts.
const WORKFLOW_VOLUME: &str = "windlass-workflow";

impl Objects {
    /// The engine as a Job. `argv` is the program in the engine's image, with its arguments; `parts` is how many
    /// `ConfigMap`s of [`Objects::workflow_config_maps`] are to be mounted at [`WORKFLOW_DIR`].
    ///
    /// When its pod dies it is made again, to go on with the run: three times, and after every disruption. Exit codes 1
    /// (the run failed) and 2 (it cannot be run) are final. Without a claim a dead engine leaves nothing to go on with,
    /// so that its end is final too.
    #[must_use]
    pub fn engine_job(&self, argv: &[String], parts: usize) -> Value {
        let labels = self.labels(Role::Engine, &[]);
        let mut volumes = Vec::new();
        let mut mounts = Vec::new();
        if parts > 0 {
            let sources: Vec<Value> = (0..parts)
                .map(|number| json!({"configMap": {"name": self.names.workflow_part(number)}}))
                .collect();
            volumes.push(json!({"name": WORKFLOW_VOLUME, "projected": {"sources": sources}}));
            mounts.push(
                json!({"name": WORKFLOW_VOLUME, "mountPath": WORKFLOW_DIR, "readOnly": true}),
            );
        }
        let mut env = place_env();
        env.push(
            json!({"name": "WF_POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}),
        );
        let resources = json!({"requests": {"cpu": "500m", "memory": "256Mi"}});
        let (image, command) = (&self.settings.engine_image, escaped(argv.to_vec()));
        let mut pod = Pod::new(Role::Engine, image, command, env, resources);
        (pod.volumes, pod.mounts) = (volumes, mounts);
        let spec = if matches!(self.settings.data, Data::Claim { .. }) {
            json!({
                "backoffLimit": ENGINE_BACK_OFF,
                "completions": 1,
                "parallelism": 1,
                "podFailurePolicy": {"rules": [
                    ignore_disruptions(),
                    {"action": "FailJob", "onExitCodes":
                        {"containerName": CONTAINER, "operator": "In", "values": [1, 2]}},
                ]},
            })
        } else {
            once()
        };
        self.job(&self.names.engine(), &labels, &self.annotations(&[]), spec, &pod)
    }

    /// The workflow's file, packed, in `ConfigMap`s: as many as needed, at most [`WORKFLOW_PARTS`]. [`join_workflow`] puts
    /// it together again.
    ///
    /// # Errors
    /// If it is too large.
    pub fn workflow_config_maps(&self, text: &str) -> Result<Vec<Value>, ObjectError> {
        let packed = pack(text).map_err(ObjectError::WorkflowParts)?;
        if packed.len() > PART_BYTES * WORKFLOW_PARTS {
            return Err(ObjectError::WorkflowTooLarge(packed.len()));
        }
        let labels = self.labels(Role::Engine, &[]);
        let annotations = self.annotations(&[]);
        let maps = packed.chunks(PART_BYTES).enumerate().map(|(number, part)| {
            let key = format!("part-{number}");
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": self.metadata(&self.names.workflow_part(number), &labels, &annotations),
                "immutable": true,
                "binaryData": {key: BASE64_STANDARD.encode(part)},
            })
        });
        Ok(maps.collect())
    }

    /// Files that belong to the workflow, such as HyperFlow's, in a `ConfigMap`. `number` counts it among the parts, so that
    /// [`Objects::engine_job`] mounts it with them.
    #[must_use]
    pub fn files_config_map(&self, number: usize, files: &[(String, String)]) -> Value {
        let data: serde_json::Map<String, Value> =
            files.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": self.metadata(
                &self.names.workflow_part(number),
                &self.labels(Role::Engine, &[]),
                &self.annotations(&[]),
            ),
            "immutable": true,
            "data": data,
        })
    }

    /// The Job that copies the folder `from` of an image to the work directory. `number` counts such Jobs. The files
    /// must be readable for the settings' user.
    ///
    /// # Errors
    /// If there is no claim.
    pub fn input_job(&self, number: u32, image: &str, from: &str) -> Result<Value, ObjectError> {
        if self.settings.data == Data::None {
            return Err(ObjectError::NoClaim);
        }
        let words = [WORKER, "copy", from, &self.settings.work_dir];
        let command = escaped(words.map(str::to_owned).to_vec());
        let resources = self.resources(&Class::default_of(&self.settings), 1);
        let pod = Pod::new(Role::Input, image, command, place_env(), resources);
        let mut spec = once();
        if let Some(seconds) = self.deadline(None) {
            spec["activeDeadlineSeconds"] = seconds.into();
        }
        let labels = self.labels(Role::Input, &[]);
        Ok(self.job(&self.names.input(number), &labels, &self.annotations(&[]), spec, &pod))
    }
}

fn pack(text: &str) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(text.as_bytes())?;
    packer.finish()
}

/// The workflow's file from its parts in their order, as they lie in [`WORKFLOW_DIR`].
///
/// # Errors
/// If they are not whole, or no such parts.
pub fn join_workflow(parts: &[Vec<u8>]) -> Result<String, ObjectError> {
    let mut text = String::new();
    GzDecoder::new(parts.concat().as_slice())
        .take(MOST_WORKFLOW_BYTES)
        .read_to_string(&mut text)
        .map_err(ObjectError::WorkflowParts)?;
    Ok(text)
}
