using Microsoft.Win32.SafeHandles;
using Quorate.Core.Files;

namespace Quorate.Sources.Traces;

/// <summary>
/// Trace objects as files. Writers exclude each other by a lock file beside the object; readers see whole files only. That an object is absent is said by the folder that would
/// have it: where that cannot be read, or the root is gone, the place does not answer.
/// </summary>
sealed class TraceDirectory(string root, TimeProvider time) : ITraceStorage
{
    const int ReadAtOnce = 1 << 20;
    const int LockAttempts = 100;
    static readonly TimeSpan s_lockPause = TimeSpan.FromMilliseconds(20);

    public Task<StoredTrace?> ReadAsync(Uri name, int maxBytes, CancellationToken cancellationToken)
    {
        // The runtime reads files by letting a thread wait, whoever asks; handing a file to another thread takes longer than reading it from memory.
        try
        {
            return Task.FromResult(Read(TraceCacheAddress.LocalPath(name), maxBytes, cancellationToken));
        }
        catch (TraceCacheException e)
        {
            return Task.FromException<StoredTrace?>(e);
        }
        catch (OperationCanceledException)
        {
            return Task.FromCanceled<StoredTrace?>(cancellationToken);
        }
    }

    StoredTrace? Read(string path, int maxBytes, CancellationToken cancellationToken)
    {
        try
        {
            // Of the two layouts that are asked for one is missing as a rule, and an exception costs more than verifying the other.
            using var file = Open(path);
            if (file is null)
            {
                return null;
            }
            var length = RandomAccess.GetLength(file);
            if (length > maxBytes)
            {
                throw new TraceCacheException($"{path} has {length} bytes, over the limit of {maxBytes}");
            }
            var bytes = GC.AllocateUninitializedArray<byte>((int)length);
            var read = 0;
            // Files are replaced and never changed, so a short one is an error of the disk.
            while (read < bytes.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = RandomAccess.Read(file, bytes.AsSpan(read, Math.Min(ReadAtOnce, bytes.Length - read)), read);
                read += count > 0 ? count : throw new TraceCacheException($"{path} ends early");
            }
            return new StoredTrace(bytes, Tag: null);
        }
        // A pipe has no length.
        catch (Exception e) when (e is UnauthorizedAccessException or NotSupportedException or (IOException and not TraceCacheException))
        {
            throw new TraceCacheException($"cannot read {path}: {e.Message}", e);
        }
    }

    SafeFileHandle? Open(string path)
    {
        try
        {
            return FileLookup.Open(path, root);
        }
        catch (IOException e)
        {
            throw new TraceCacheException(e.Message, e);
        }
    }

    public void Prepare()
    {
        try
        {
            Directory.CreateDirectory(root);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new TraceCacheException($"cannot make {root}: {e.Message}", e);
        }
    }

    public async Task<bool> TryWriteAsync(Uri name, byte[] bytes, StoredTrace? read, CancellationToken cancellationToken)
    {
        var path = TraceCacheAddress.LocalPath(name);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using var held = await LockAsync(path, cancellationToken);
            var now = Read(path, int.MaxValue, cancellationToken);
            if (now is null != read is null || (read is not null && !now!.Bytes.Span.SequenceEqual(read.Bytes.Span)))
            {
                return false;
            }
            DurableFile.Replace(path, bytes);
            return true;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or (IOException and not TraceCacheException))
        {
            throw new TraceCacheException($"cannot write {path}: {e.Message}", e);
        }
    }

    public void Dispose() { }

    /// <summary>The lock file stays: deleting it would let two writers hold two files of one name.</summary>
    async Task<FileStream> LockAsync(string path, CancellationToken cancellationToken)
    {
        var name = Path.Combine(Path.GetDirectoryName(path)!, ".lock");
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream(name, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
            }
            catch (IOException) when (attempt < LockAttempts && File.Exists(name))
            {
                await Task.Delay(s_lockPause, time, cancellationToken);
            }
        }
    }
}
