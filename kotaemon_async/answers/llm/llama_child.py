"""The process that a language model lives in: llama.cpp's server, on a unix socket.

The first frame in brings the settings, the only one out says that the model is loaded, or what is wrong. The
process ends with its standard input. Imports nothing of the package but modules made for children.
"""

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from kotaemon_async.answers.llm import child_gguf
from kotaemon_async.resilience import child_calls, child_jail, child_paths
from kotaemon_async.resilience.child_frames import Frames

#: The prompt is read in pieces of so many tokens: who leaves is noticed between two of them.
PREFILL_TOKENS = 32
#: The longest answer may take up at most this part of the model's context.
ANSWER_SHARE = 0.5
LOG_BYTES = 16 * 1024**2
#: llama.cpp's log is written out when nothing came in some looks at it; a disk that hangs is not waited for.
LOG_LOOK_S = 0.05
STILL_LOOKS = 5
LOG_LOOKS = 100
#: Health, cancelling and one answer.
HTTP_THREADS = 4
NOT_INSTALLED = "models that run here need: pip install 'kotaemon-async[local]'"


def main() -> NoReturn:
    """Lock this process in, load, report how that went, serve."""
    frames = Frames.from_standard_streams()
    settings = frames.read()
    if settings is None:
        os._exit(0)
    # A service manager tells the whole group to stop; the service ends its children when it needs no more.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    confine(settings)
    # To the end of the process: its threads serve, and an orderly end of them can hang for ever.
    server, report = load(settings)
    frames.write(report)
    if server is not None:
        frames.read()
    os._exit(0 if server is not None else 1)


def confine(settings: dict[str, Any]) -> None:
    """Make this process end with its parent, without network, with its model alone, limited in memory.

    The limit is on data, not on addresses: a model's file is mapped, and what is only read of it can be given
    back at any time.
    """
    child_jail.die_with(settings["parent_pid"])
    child_jail.step_back()
    child_jail.limit(settings["memory_bytes"], LOG_BYTES, of=resource.RLIMIT_DATA)
    readable = (*child_paths.of_python(), settings["path"])
    folder = str(Path(settings["socket"]).parent)
    os.chdir(folder)
    child_paths.allow_paths(readable, (folder, "/dev/null"))
    child_calls.deny_calls(unix=True)
    os.umask(0o077)


def load(settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the running server, or None, and what to report."""
    try:
        import xllamacpp  # noqa: PLC0415

        path = child_gguf.model_file(Path(settings["path"]))
        head = child_gguf.read_head(path)
        parameters = _parameters(xllamacpp.CommonParams(), path, head, settings)
        server = xllamacpp.Server(parameters)
    except ImportError as error:
        return None, {"error": f"{NOT_INSTALLED} ({error})"}
    except (child_gguf.NoModel, OSError) as error:
        return None, {"error": f"{settings['path']}: {error}"}
    except (MemoryError, RuntimeError) as error:  # of the latter llama.cpp says why on standard error
        await_still(lambda: os.fstat(2).st_size, time.sleep)
        return None, {
            "error": f"{settings['path']}: it cannot be loaded",
            "is_out_of_memory": isinstance(error, MemoryError),
        }
    return server, {"commands": child_gguf.commands(head), "context_tokens": parameters.n_ctx}


def await_still(size_bytes: Callable[[], int], sleep: Callable[[float], None]) -> None:
    """Wait until a log that another thread writes has not grown for a while."""
    seen, still = size_bytes(), 0
    for _ in range(LOG_LOOKS):
        sleep(LOG_LOOK_S)
        seen, before = size_bytes(), seen
        still = still + 1 if seen == before else 0
        if still == STILL_LOOKS:
            return


def _parameters(new: Any, path: Path, head: dict[str, Any], settings: dict[str, Any]) -> Any:
    context = min(settings["context_tokens"], child_gguf.context_tokens(head) or settings["context_tokens"])
    new.model.path = str(path)
    new.model_alias = {"local"}  # else replies tell the path
    # By its name in this process's folder: the whole path may be longer than an address of a socket.
    new.hostnames, new.port = [Path(settings["socket"]).name], 0
    new.api_keys = [settings["api_key"]]
    new.cors_origins = ""
    new.ui = new.endpoint_slots = new.endpoint_props = new.endpoint_metrics = False
    new.offline = True
    new.verbosity = 1  # errors
    new.n_ctx, new.n_parallel = context, 1
    new.n_predict = min(settings["max_tokens"], int(context * ANSWER_SHARE))
    new.n_batch = new.n_ubatch = PREFILL_TOKENS
    new.cache_ram_mib = new.n_ctx_checkpoints = 0  # else a cache of prompts grows to 8 GB
    new.n_threads_http = HTTP_THREADS
    new.n_gpu_layers = 0
    new.fit_params = False
    # Threads spin at barriers: with one on each core, everything waits for everything else on the machine.
    threads = max(1, len(os.sched_getaffinity(0)) - 1)
    new.cpuparams.n_threads = new.cpuparams_batch.n_threads = threads
    # The most likely token each time: an answer from documents is no place for chance.
    new.sampling.temp = 0.0
    return new


if __name__ == "__main__":
    main()
