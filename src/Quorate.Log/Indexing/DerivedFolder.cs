using Quorate.Log.Storage;

namespace Quorate.Log.Indexing;

/// <summary>
/// The folder <c>derived</c> beside a log's write-ahead file: columns, and the state image that says how far they can be believed
/// (docs/formats/state-image.md). Nothing in it is needed: it is rebuilt from the write-ahead file where it is missing or does not check.
/// </summary>
sealed class DerivedFolder : IDisposable
{
    internal const string Name = "derived";

    readonly string _logFolder;
    readonly WriteAheadDisk _disk;
    readonly List<DerivedFile> _files = [];
    volatile bool _isDistrusted;

    DerivedFolder(string logFolder, WriteAheadDisk disk)
    {
        (_logFolder, _disk) = (logFolder, disk);
        Path = System.IO.Path.Combine(logFolder, Name);
        if (!Directory.Exists(Path))
        {
            disk.CreateDirectory(Path);
        }
        ImagePath = System.IO.Path.Combine(Path, "state.img");
        NewImagePath = ImagePath + ".new";
        try
        {
            Leaves = Add("leaves");
            MapHistory = Add("map-history");
            Positions = Add("positions");
            Heads = Add("heads");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal string Path { get; }
    internal string ImagePath { get; }
    internal string NewImagePath { get; }
    internal DerivedFile Leaves { get; }
    internal DerivedFile MapHistory { get; }
    internal DerivedFile Positions { get; }
    internal DerivedFile Heads { get; }
    internal WriteAheadDisk Disk => _disk;

    /// <summary>Something read from here was not what had been written: no image may vouch for these files any more.</summary>
    internal bool IsDistrusted => _isDistrusted;

    /// <summary>Null for a storage without a folder, and on rare machines: everything stays in memory then.</summary>
    internal static DerivedFolder? Open(ILogStorage storage) =>
        // The files are written in the machine's byte order, which is this one nearly everywhere.
        BitConverter.IsLittleEndian && storage.Folder is { } folder
            ? new DerivedFolder(folder, storage.Disk)
            : null;

    /// <summary>Removes the image, so that the next opening rebuilds everything, and makes the error that tells of it.</summary>
    internal LogDamagedException Distrust(string what)
    {
        _isDistrusted = true;
        var help = "it is derived and will be rebuilt when the log is opened again";
        try
        {
            _disk.Delete(ImagePath);
        }
        catch (IOException e)
        {
            help = $"delete {Path} and open the log again to have it rebuilt ({e.Message})";
        }
        return new LogDamagedException($"{what}; {help}", _logFolder);
    }

    /// <summary>Empties the folder, image first: what is written from now on, it knows nothing of.</summary>
    internal void Clear(bool keepImage)
    {
        _disk.Delete(NewImagePath);
        if (!keepImage)
        {
            DeleteImage();
        }
        foreach (var file in _files)
        {
            file.Clear();
        }
        _isDistrusted = false;
    }

    /// <summary>Removes what is left of an image that was not finished, as far as that can be done.</summary>
    internal void DeleteNewImage()
    {
        try
        {
            _disk.Delete(NewImagePath);
        }
        catch (IOException)
        {
            // It is in nobody's way but the disk's, and the next image is written over it.
        }
    }

    internal void DeleteImage()
    {
        if (File.Exists(ImagePath))
        {
            _disk.Delete(ImagePath);
            _disk.DirectorySync(Path);
        }
    }

    /// <summary>Returns when everything in the columns' files is durable, and their names.</summary>
    internal void Sync()
    {
        foreach (var file in _files)
        {
            file.Sync();
        }
        _disk.DirectorySync(Path);
        _disk.DirectorySync(_logFolder);
    }

    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    DerivedFile Add(string name)
    {
        var file = new DerivedFile(this, name, _disk);
        _files.Add(file);
        return file;
    }
}
