# python3: threads, subprocess, multiprocessing, mmap, signal, select.
cd "$(mktemp -d)"
python3 - <<'PYTHON'
import mmap, os, queue, select, signal, subprocess, sys, tempfile, threading, time

results = queue.Queue()
def worker(n):
    results.put(sum(range(n)))
threads = [threading.Thread(target=worker, args=(i * 100,)) for i in range(10)]
for t in threads: t.start()
for t in threads: t.join()
print("threads", sum(results.get() for _ in range(10)))

done = subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, text=True)
print("subprocess", done.returncode, done.stdout.strip(), done.stderr.strip())
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
out, _ = p.communicate(b"x" * 200000)
print("communicate", len(out), p.returncode)
try:
    subprocess.run(["sleep", "10"], timeout=0.3)
except subprocess.TimeoutExpired:
    print("timeout expired")

with open("data", "w+b") as f:
    f.write(b"hello, mapped world" + bytes(5000))
    f.flush()
    with mmap.mmap(f.fileno(), 0) as m:
        m[0:5] = b"HELLO"
        print("mmap", m.find(b"mapped"), len(m))
    f.seek(0)
    print("file", f.read(5))

seen = []
signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
os.kill(os.getpid(), signal.SIGUSR1)
print("signal", seen == [signal.SIGUSR1])
signal.signal(signal.SIGALRM, lambda number, frame: seen.append("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.3)
print("itimer", seen[-1])

r, w = os.pipe()
print("select", select.select([r], [], [], 0.05)[0])
os.write(w, b"x")
print("select", select.select([r], [], [], 1)[0] == [r])
e = select.epoll(); e.register(r, select.EPOLLIN)
print("epoll", e.poll(1)[0][0] == r)

pid = os.fork()
if pid == 0:
    os._exit(9)
print("fork", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print("stat", oct(os.stat("data").st_mode), os.path.getsize("data"))
with tempfile.TemporaryDirectory() as d:
    for i in range(100):
        open(os.path.join(d, str(i)), "w").close()
    print("listdir", len(os.listdir(d)))
print("cpus", os.cpu_count() >= 1, "float", 0.1 + 0.2)
PYTHON
cat > pool.py <<'PYTHON'
import multiprocessing
def square(x):
    return x * x
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print("pool", sum(pool.map(square, range(100))))
    q = multiprocessing.Queue()
    p = multiprocessing.Process(target=q.put, args=("from the child",))
    p.start(); print("queue", q.get()); p.join(); print("exit code", p.exitcode)
PYTHON
python3 pool.py
