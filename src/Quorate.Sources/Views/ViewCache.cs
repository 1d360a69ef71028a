using System.Text;
using Microsoft.Win32.SafeHandles;
using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Nix;
using Quorate.Nix.Synthetic;
using Quorate.Sources.Spool;

namespace Quorate.Sources.Views;

/// <summary>
/// Views of store objects in a private directory, one file each, written whole under a temporary name and renamed. An entry is believed while everything
/// that the view was computed from is the same, by digest, and the object's files by what the file system says of them; the argument is in
/// docs/formats/synthetic-view.md. Any number of processes may use one directory; one instance is used by one task at a time.
/// </summary>
public sealed class ViewCache : IViewCache, IDisposable
{
    public const int DefaultMaxEntries = 20_000;

    const string Suffix = ".view";
    const string TemporarySuffix = ".tmp";

    /// <summary>File systems count time in ticks, some in whole seconds: what changed just now may change again without showing it.</summary>
    static readonly TimeSpan s_settled = TimeSpan.FromSeconds(2);

    /// <summary>After which an object is read again, because disks decay without telling the file system.</summary>
    static readonly TimeSpan s_maxAge = TimeSpan.FromDays(30);

    static readonly TimeSpan s_remarked = TimeSpan.FromDays(1);
    static readonly TimeSpan s_abandoned = TimeSpan.FromHours(1);

    readonly PosixDirectory _directory;
    readonly TimeProvider _clock;
    readonly int _maxEntries;
    int? _entries;

    ViewCache(PosixDirectory directory, TimeProvider clock, int maxEntries)
    {
        _directory = directory;
        _clock = clock;
        _maxEntries = maxEntries;
    }

    /// <exception cref="IOException">The directory cannot be made, is a link, is open to others, or belongs to somebody else.</exception>
    public static ViewCache Open(string path, TimeProvider clock, int maxEntries = DefaultMaxEntries)
    {
        var directory = PosixDirectory.Open(path, create: true, "view cache")!;
        if (!directory.IsOwn)
        {
            // What is in it decides what is signed, so root believes root's only.
            directory.Dispose();
            throw new IOException($"view cache {path} belongs to another user");
        }
        return new ViewCache(directory, clock, maxEntries);
    }

    public ViewLookup Find(ViewSubject subject, CancellationToken cancellationToken)
    {
        var stamp = TreeStamp.Of(subject.Location, cancellationToken);
        var view = Read(NameOf(subject)) is { } record && Holds(record, subject, stamp) ? record.View : null;
        return new ViewLookup(subject, stamp, view);
    }

    public void Keep(ViewLookup lookup, StorePath view, CancellationToken cancellationToken)
    {
        var (subject, before, _) = lookup;
        var now = _clock.GetUtcNow();
        if (
            !ViewRecord.CanHold(subject.Location)
            || before.Changed > now - s_settled
            // What was read is what was there all the while.
            || TreeStamp.Of(subject.Location, cancellationToken) != before
        )
        {
            return;
        }
        var time = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds());
        Write(NameOf(subject), new ViewRecord(subject.Location, subject.Path, subject.NarHash, subject.Below, before.Digest, time, view));
    }

    public void Dispose() => _directory.Dispose();

    bool Holds(ViewRecord record, ViewSubject subject, TreeStamp stamp)
    {
        var age = _clock.GetUtcNow() - record.Time;
        return record.Location == subject.Location
            && record.Path == subject.Path
            && record.NarHash == subject.NarHash
            && record.Below == subject.Below
            && record.Stamp == stamp.Digest
            && age >= TimeSpan.Zero
            && age <= s_maxAge;
    }

    /// <summary>By where the object is, because stores of several roots may share a cache.</summary>
    static string NameOf(ViewSubject subject) => Sha256Digest.HashData(Encoding.UTF8.GetBytes(subject.Location)) + Suffix;

    ViewRecord? Read(string name)
    {
        using var file = _directory.OpenRead(name, out var length);
        if (file is null || length > ViewRecord.MaxBytes)
        {
            return null;
        }
        var bytes = new byte[length];
        var read = 0;
        while (read < bytes.Length && RandomAccess.Read(file, bytes.AsSpan(read), read) is > 0 and var n)
        {
            read += n;
        }
        if (!ViewRecord.TryDecode(bytes.AsSpan(0, read), out var record))
        {
            _directory.Remove(name);
            return null;
        }
        Remark(file);
        return record;
    }

    /// <summary>What is used is kept: a file's time says when it last was, to the day.</summary>
    void Remark(SafeFileHandle file)
    {
        var now = _clock.GetUtcNow();
        if (now - new DateTimeOffset(File.GetLastWriteTimeUtc(file), TimeSpan.Zero) > s_remarked)
        {
            try
            {
                File.SetLastWriteTimeUtc(file, now.UtcDateTime);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It will be forgotten earlier.
            }
        }
    }

    void Write(string name, ViewRecord record)
    {
        MakeRoom();
        var temporary =
            $"{name}-{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8))}{TemporarySuffix}";
        try
        {
            using (var file = _directory.Create(temporary))
            {
                RandomAccess.Write(file, record.Encode(), 0);
            }
            // Not synced: what a power cut tears fails its digest.
            if (_directory.Rename(temporary, name))
            {
                _entries++;
                return;
            }
        }
        catch (IOException)
        {
            // A full disk: the object is read again next time.
        }
        _directory.Remove(temporary);
    }

    /// <summary>Forgets the quarter that was used longest ago when there are too many, and what crashes left.</summary>
    void MakeRoom()
    {
        _entries ??= Entries(Suffix).Length;
        if (_entries < _maxEntries)
        {
            return;
        }
        foreach (var name in Entries(TemporarySuffix).Where(name => LastUsed(name) < _clock.GetUtcNow() - s_abandoned))
        {
            _directory.Remove(name);
        }
        var entries = Entries(Suffix);
        foreach (var name in entries.OrderBy(LastUsed).Take(Math.Max(entries.Length - _maxEntries * 3 / 4, 0)))
        {
            _directory.Remove(name);
        }
        _entries = Entries(Suffix).Length;
    }

    string[] Entries(string suffix) => [.. _directory.Names().Where(name => name.EndsWith(suffix, StringComparison.Ordinal))];

    DateTimeOffset LastUsed(string name)
    {
        using var file = _directory.OpenRead(name, out _);
        return file is null ? DateTimeOffset.MinValue : new DateTimeOffset(File.GetLastWriteTimeUtc(file), TimeSpan.Zero);
    }
}
