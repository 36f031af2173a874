use std::process::Stdio;

use starlings::NodeId;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts this program once more, as another node; gives its address.
pub(crate) async fn start(name: &NodeId) -> Result<(Child, String), Box<dyn std::error::Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let child = command.arg(name.as_str()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut child = child?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let address = lines.next_line().await?.ok_or("the node did not start")?;
    Ok((child, address))
}
