using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;
using Quorate.Log.Storage;
using Xunit;

namespace Quorate.Tests.Log.Durability;

/// <summary>What goes wrong at one call to the disk.</summary>
enum Fault
{
    None,

    /// <summary>This call and all later ones fail; what was not synced may be lost.</summary>
    PowerCut,

    /// <summary>The same, but what was written stays readable: a killed process, or one that stops at the first error.</summary>
    Kill,

    /// <summary>A write stores the beginning of its bytes and fails.</summary>
    NoSpace,

    /// <summary>A write fails before it stored anything.</summary>
    FailedWrite,

    /// <summary>A sync fails, and the kernel takes what it was to write for clean: no later sync writes it, unless it is written again.</summary>
    FailedSync,

    /// <summary>A read fails.</summary>
    FailedRead,
}

/// <summary>
/// A disk that forgets and fails. Files live in a real folder; what a sync made durable is remembered beside them: content by file, names by
/// directory. <see cref="RestorePower"/> leaves in the folder what a disk may hold after a power cut, which is any mixture of the durable and
/// the newer content, sector by sector, and any of the names that were not synced.
/// </summary>
sealed class FaultyDisk : WriteAheadDisk, IDisposable
{
    const int Sector = 512;

    readonly Lock _gate = new();
    readonly string _root;
    readonly List<SafeFileHandle> _open = [];
    readonly ConditionalWeakTable<SafeFileHandle, Content> _contents = [];

    // A null content is a directory.
    readonly Dictionary<string, Content?> _names = new(StringComparer.Ordinal);
    readonly Dictionary<string, Content?> _durableNames = new(StringComparer.Ordinal);
    readonly List<(string Directory, string Path, Content? Content, bool Gone)> _pendingNames = [];

    Fault _fault;
    int _faultAt;
    int _reads;

    /// <summary>What is in the folder is durable.</summary>
    public FaultyDisk(string root)
    {
        _root = root;
        TakeFolderAsDurable();
    }

    /// <summary>Calls since <see cref="Arm"/> that a fault can fall on, but for reads.</summary>
    public int Calls { get; private set; }

    public bool IsDown { get; private set; }

    /// <summary>The fault has happened.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Syncs return, and nothing is durable: a disk that must be found out.</summary>
    public bool Lies { get; init; }

    /// <summary>A new process, with a fault at one of its calls, counted from 1. Everything must be closed.</summary>
    public void Arm(Fault fault, int at)
    {
        lock (_gate)
        {
            Dispose();
            _open.Clear();
            (_fault, _faultAt) = (fault, at);
            (Calls, _reads, IsDown, HasFailed) = (0, 0, false, false);
        }
    }

    public override SafeFileHandle Open(string path, FileMode mode, FileAccess access)
    {
        lock (_gate)
        {
            ThrowIfDown();
            var isNew = !File.Exists(path);
            var file = base.Open(path, mode, access);
            if (isNew)
            {
                SetName(path, new Content(path));
            }
            _contents.Add(file, ContentOf(path));
            _open.Add(file);
            return isNew ? Step(() => file) : file;
        }
    }

    public override int Read(SafeFileHandle file, string path, Span<byte> destination, long offset)
    {
        lock (_gate)
        {
            ThrowIfDown();
            if (_fault == Fault.FailedRead && ++_reads == _faultAt)
            {
                throw Failed("Input/output error", path);
            }
            return base.Read(file, path, destination, offset);
        }
    }

    public override void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset) =>
        Write(file, path, [bytes.ToArray()], offset);

    public override void Write(SafeFileHandle file, string path, IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
    {
        lock (_gate)
        {
            ThrowIfDown();
            Calls++;
            var isHere = Calls == _faultAt;
            if (isHere && _fault == Fault.FailedWrite)
            {
                throw Failed("Input/output error", path);
            }
            byte[] bytes = [.. buffers.SelectMany(b => b.ToArray())];
            if (isHere && _fault == Fault.NoSpace)
            {
                Store(file, path, bytes.AsSpan(0, bytes.Length / 2), offset);
                throw Failed("No space left on device", path);
            }
            Store(file, path, bytes, offset);
            if (isHere)
            {
                GoDown();
            }
        }
    }

    void Store(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        base.Write(file, path, bytes, offset);
        if (_contents.TryGetValue(file, out var content))
        {
            content.Wrote(offset, bytes.Length);
        }
    }

    public override void SetLength(SafeFileHandle file, string path, long length)
    {
        lock (_gate)
        {
            ThrowIfDown();
            base.SetLength(file, path, length);
            Step(() => true);
        }
    }

    public override void DataSync(SafeFileHandle file, string path)
    {
        lock (_gate)
        {
            Assert.True(_contents.TryGetValue(file, out var content), path);
            Step(
                () =>
                {
                    if (!Lies)
                    {
                        content.Sync();
                    }
                    return true;
                },
                () =>
                {
                    if (_fault == Fault.FailedSync)
                    {
                        content.SyncFailed();
                        throw Failed("Input/output error", path);
                    }
                }
            );
        }
    }

    public override void CreateDirectory(string path)
    {
        lock (_gate)
        {
            ThrowIfDown();
            base.CreateDirectory(path);
            SetName(path, null);
            Step(() => true);
        }
    }

    public override void Delete(string path)
    {
        lock (_gate)
        {
            ThrowIfDown();
            if (File.Exists(path))
            {
                ContentOf(path).Keep();
                base.Delete(path);
                _names.Remove(path);
                _pendingNames.Add((Path.GetDirectoryName(path)!, path, null, true));
            }
            Step(() => true);
        }
    }

    public override void Move(string from, string to)
    {
        lock (_gate)
        {
            ThrowIfDown();
            var content = ContentOf(from);
            if (File.Exists(to))
            {
                ContentOf(to).Keep();
            }
            base.Move(from, to);
            content.Path = to;
            _names.Remove(from);
            SetName(to, content);
            _pendingNames.Add((Path.GetDirectoryName(from)!, from, null, true));
            Step(() => true);
        }
    }

    public override void DirectorySync(string directory)
    {
        lock (_gate)
        {
            Step(
                () =>
                {
                    foreach (var (_, path, content, gone) in _pendingNames.Where(p => p.Directory == directory))
                    {
                        ApplyTo(_durableNames, path, content, gone);
                    }
                    return _pendingNames.RemoveAll(p => p.Directory == directory);
                },
                () =>
                {
                    if (_fault == Fault.FailedSync)
                    {
                        throw Failed("Input/output error", directory);
                    }
                }
            );
        }
    }

    /// <summary>Puts into the folder what the disk holds when the power comes back. Everything must be closed.</summary>
    public void RestorePower(Random random)
    {
        lock (_gate)
        {
            IsDown = true;
            Dispose();
            // Some cuts lose everything that was not synced, some nothing, most anything.
            var chance = random.Next(4) switch
            {
                0 => 0,
                1 => 1,
                _ => random.NextDouble(),
            };
            var names = new Dictionary<string, Content?>(_durableNames, StringComparer.Ordinal);
            foreach (var (_, path, content, gone) in _pendingNames)
            {
                if (random.NextDouble() < chance)
                {
                    ApplyTo(names, path, content, gone);
                }
            }
            var files = names
                .Where(n => n.Value is not null && IsReachable(n.Key, names))
                .ToDictionary(n => n.Key, n => Torn(n.Value!, random, chance));
            var folders = names.Where(n => n.Value is null && IsReachable(n.Key, names)).Select(n => n.Key).ToList();
            foreach (var path in Directory.GetFileSystemEntries(_root))
            {
                if (Directory.Exists(path))
                {
                    Directory.Delete(path, recursive: true);
                }
                else
                {
                    File.Delete(path);
                }
            }
            foreach (var folder in folders.Order(StringComparer.Ordinal))
            {
                Directory.CreateDirectory(folder);
            }
            foreach (var (path, bytes) in files)
            {
                File.WriteAllBytes(path, bytes);
            }
            TakeFolderAsDurable();
        }
    }

    public void Dispose() => _open.ForEach(f => f.Dispose());

    static byte[] Torn(Content content, Random random, double chance)
    {
        var (durable, newest) = (content.Durable, content.Newest());
        if (durable.AsSpan().SequenceEqual(newest))
        {
            return durable;
        }
        var bytes = new byte[random.NextDouble() < chance ? newest.Length : durable.Length];
        for (var at = 0; at < bytes.Length; at += Sector)
        {
            var end = Math.Min(at + Sector, bytes.Length);
            var source = random.NextDouble() < chance ? newest : durable;
            // Where a file grew, but the sector never arrived, the disk shows nothing or what lay there before.
            var known = Math.Clamp(source.Length - at, 0, end - at);
            source.AsSpan(Math.Min(at, source.Length), known).CopyTo(bytes.AsSpan(at));
            if (known < end - at && random.Next(4) == 0)
            {
                random.NextBytes(bytes.AsSpan(at + known, end - at - known));
            }
        }
        return bytes;
    }

    bool IsReachable(string path, Dictionary<string, Content?> names)
    {
        for (var parent = Path.GetDirectoryName(path)!; parent != _root; parent = Path.GetDirectoryName(parent)!)
        {
            if (!names.TryGetValue(parent, out var content) || content is not null)
            {
                return false;
            }
        }
        return true;
    }

    Content ContentOf(string path) => _names[path] ?? throw new InvalidOperationException($"{path} is a directory");

    void SetName(string path, Content? content)
    {
        _names[path] = content;
        _pendingNames.Add((Path.GetDirectoryName(path)!, path, content, false));
    }

    static void ApplyTo(Dictionary<string, Content?> names, string path, Content? content, bool gone)
    {
        if (gone)
        {
            names.Remove(path);
        }
        else
        {
            names[path] = content;
        }
    }

    // The call takes place, and then the power goes or the process dies; at most its effect is not durable.
    T Step<T>(Func<T> call, Action? fault = null)
    {
        ThrowIfDown();
        if (++Calls == _faultAt)
        {
            fault?.Invoke();
            GoDown();
        }
        return call();
    }

    void GoDown()
    {
        if (_fault is Fault.PowerCut or Fault.Kill)
        {
            (IsDown, HasFailed) = (true, true);
            ThrowIfDown();
        }
    }

    IOException Failed(string what, string path)
    {
        HasFailed = true;
        return new IOException($"{what} : '{path}'");
    }

    void ThrowIfDown()
    {
        if (IsDown)
        {
            throw new IOException("the power is gone");
        }
    }

    void TakeFolderAsDurable()
    {
        _names.Clear();
        _durableNames.Clear();
        _pendingNames.Clear();
        foreach (var path in Directory.EnumerateFileSystemEntries(_root, "*", SearchOption.AllDirectories))
        {
            _names[path] = Directory.Exists(path) ? null : new Content(path) { Durable = File.ReadAllBytes(path) };
            _durableNames[path] = _names[path];
        }
    }

    sealed class Content(string path)
    {
        // Sectors that a failed sync gave up.
        readonly HashSet<long> _givenUp = [];
        byte[]? _kept;

        public string Path { get; set; } = path;

        public byte[] Durable { get; set; } = [];

        public byte[] Newest() => _kept ?? File.ReadAllBytes(Path);

        /// <summary>The file loses its name; a disk may still show it under that name.</summary>
        public void Keep() => _kept = File.ReadAllBytes(Path);

        public void Wrote(long offset, long length)
        {
            for (var sector = offset / Sector; sector * Sector < offset + length; sector++)
            {
                _givenUp.Remove(sector);
            }
        }

        public void Sync()
        {
            var newest = Newest();
            foreach (var sector in _givenUp)
            {
                var at = (int)Math.Min(sector * Sector, newest.Length);
                var end = (int)Math.Min(at + Sector, newest.Length);
                newest.AsSpan(at, end - at).Clear();
                var known = Math.Clamp(Durable.Length - at, 0, end - at);
                Durable.AsSpan(Math.Min(at, Durable.Length), known).CopyTo(newest.AsSpan(at));
            }
            Durable = newest;
        }

        public void SyncFailed()
        {
            var newest = Newest();
            for (var at = 0; at < newest.Length; at += Sector)
            {
                var end = Math.Min(at + Sector, newest.Length);
                if (end > Durable.Length || !newest.AsSpan(at, end - at).SequenceEqual(Durable.AsSpan(at, end - at)))
                {
                    _givenUp.Add(at / Sector);
                }
            }
        }
    }
}
