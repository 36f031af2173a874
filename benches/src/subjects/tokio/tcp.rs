//! A socket and hand-made frames: a length of four bytes, and a postcard message behind it.

mod lives;

use std::time::Instant;

use bytes::Bytes;
use lives::Tasks;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::child::{
    self, CALLERS, LARGE_BYTES, PAGE_BYTES, SMALL_BYTES, Server, check, payload, rate, serve_at,
    weight,
};
use crate::cost::Meter;
use crate::figure::Figure;
use crate::subjects::{Subject, not_measured};
use crate::workload::Bench;

/// Frames are written once so many bytes are together.
const BATCH_BYTES: usize = 64 * 1024;

const LENGTH_BYTES: usize = 4;

#[derive(Serialize, Deserialize)]
enum Frame {
    Put(Bytes),
    Get,
    Sum(u64),
    Start,
    Started(u64),
    Ask(u64),
    Answer(u64, u64),
    Stop(u64),
}

struct Writer {
    socket: OwnedWriteHalf,
    batch: Vec<u8>,
}

impl Writer {
    async fn put(&mut self, frame: &Frame) -> child::Result<()> {
        let start = self.batch.len();
        self.batch.extend_from_slice(&[0; LENGTH_BYTES]);
        self.batch = postcard::to_extend(frame, std::mem::take(&mut self.batch))?;
        let length = u32::try_from(self.batch.len() - start - LENGTH_BYTES)?;
        self.batch[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        if self.batch.len() >= BATCH_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> child::Result<()> {
        self.socket.write_all(&self.batch).await?;
        self.batch.clear();
        Ok(())
    }
}

struct Reader {
    socket: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Where the frames that were not taken yet begin.
    start: usize,
}

impl Reader {
    /// The next frame; `None` when the other side has closed.
    async fn next(&mut self) -> child::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.reserve(BATCH_BYTES);
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Whether the next frame is there as a whole.
    fn has_frame(&self) -> bool {
        let frames = &self.buffer[self.start..];
        let first = frames.split_first_chunk::<LENGTH_BYTES>();
        first.is_some_and(|(length, rest)| rest.len() >= u32::from_le_bytes(*length) as usize)
    }

    /// A frame that is there as a whole.
    fn take(&mut self) -> child::Result<Option<Frame>> {
        let Some((length, rest)) = self.buffer[self.start..].split_first_chunk::<LENGTH_BYTES>()
        else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = postcard::from_bytes(body)?;
        self.start += LENGTH_BYTES + length;
        Ok(Some(frame))
    }
}

fn split(socket: TcpStream) -> child::Result<(Reader, Writer)> {
    socket.set_nodelay(true)?;
    let (read, write) = socket.into_split();
    let reader = Reader {
        socket: read,
        buffer: Vec::new(),
        start: 0,
    };
    Ok((
        reader,
        Writer {
            socket: write,
            batch: Vec::new(),
        },
    ))
}

pub fn serve() -> child::Result<()> {
    child::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await?;
            answer_all(socket).await
        });
        serve_at(address).await
    })
}

/// Adds up what comes, and answers with the sum; starts tasks, and asks them.
async fn answer_all(socket: TcpStream) -> child::Result<()> {
    let (mut reader, mut writer) = split(socket)?;
    let (mut sum, mut tasks) = (0, Tasks::default());
    while let Some(frame) = reader.next().await? {
        match frame {
            Frame::Put(payload) => sum += weight(&payload),
            Frame::Get => writer.put(&Frame::Sum(sum)).await?,
            Frame::Start => writer.put(&Frame::Started(tasks.start())).await?,
            Frame::Ask(task) => {
                let answer = Frame::Answer(task, tasks.ask(task).await?);
                writer.put(&answer).await?;
            }
            Frame::Stop(task) => tasks.stop(task),
            Frame::Sum(_) | Frame::Started(_) | Frame::Answer(..) => {
                return Err("an answer sent to the server".into());
            }
        }
        // Requests that came together are answered together.
        if !writer.batch.is_empty() && !reader.has_frame() {
            writer.flush().await?;
        }
    }
    Ok(())
}

pub fn measure(bench: Bench, count: u64) -> child::Result<Figure> {
    let server = Server::start_self(&["serve", "tokio"])?;
    child::run(async move {
        let (reader, writer) = split(TcpStream::connect(server.address()).await?)?;
        let mut pair = Pair {
            reader,
            writer,
            server,
        };
        match bench {
            Bench::RemoteCast64 => pair.cast(SMALL_BYTES, count).await,
            Bench::RemoteCast4k => Ok(pair.cast(PAGE_BYTES, count).await?.times(PAGE_BYTES)),
            Bench::RemoteCast1m => Ok(pair.cast(LARGE_BYTES, count).await?.times(LARGE_BYTES)),
            Bench::RemoteCall => pair.call(count).await,
            Bench::RemoteCall64 => pair.call_pipelined(count).await,
            Bench::RemoteSpawn => pair.spawn(count, 1).await,
            Bench::RemoteSpawn64 => pair.spawn(count, CALLERS).await,
            _ => not_measured(Subject::Tokio, bench),
        }
    })
}

/// The client's end.
struct Pair {
    reader: Reader,
    writer: Writer,
    server: Server,
}

impl Pair {
    async fn cast(&mut self, bytes: u32, count: u64) -> child::Result<Figure> {
        let payload = Bytes::from(payload(bytes));
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        for _ in 0..count {
            self.writer.put(&Frame::Put(payload.clone())).await?;
        }
        let sum = self.get().await?;
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the sum", sum, count * weight(&payload))?;
        Ok(figure)
    }

    async fn call(&mut self, count: u64) -> child::Result<Figure> {
        let payload = Bytes::from(payload(SMALL_BYTES));
        self.writer.put(&Frame::Put(payload.clone())).await?;
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..count {
            sum += self.get().await?;
        }
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the sum", sum, count * weight(&payload))?;
        Ok(figure)
    }

    /// Always has as many requests on their way as the others have callers.
    async fn call_pipelined(&mut self, count: u64) -> child::Result<Figure> {
        let payload = Bytes::from(payload(SMALL_BYTES));
        self.writer.put(&Frame::Put(payload.clone())).await?;
        let meter = Meter::start(self.server.id())?;
        let start = Instant::now();
        for _ in 0..CALLERS {
            self.writer.put(&Frame::Get).await?;
        }
        self.writer.flush().await?;
        let (mut asked, mut sum) = (CALLERS, 0);
        for _ in 0..count {
            sum += self.answer().await?;
            if asked < count {
                self.writer.put(&Frame::Get).await?;
                asked += 1;
            }
            if !self.reader.has_frame() {
                self.writer.flush().await?;
            }
        }
        let rate = rate(count, start);
        let figure = meter.stop(rate.into(), count)?;
        check("the sum", sum, count * weight(&payload))?;
        Ok(figure)
    }

    async fn get(&mut self) -> child::Result<u64> {
        self.writer.put(&Frame::Get).await?;
        self.writer.flush().await?;
        self.answer().await
    }

    async fn answer(&mut self) -> child::Result<u64> {
        match self.reader.next().await? {
            Some(Frame::Sum(sum)) => Ok(sum),
            Some(_) | None => Err("no sum from the server".into()),
        }
    }
}
