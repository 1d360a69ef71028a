using Quorate.Log.Storage;
using Quorate.Testing.Logs;

namespace Quorate.Tests.Log;

public sealed class WriteAheadStorageContractTests : LogStorageContract, IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quorate-log-");

    public void Dispose() => _folder.Delete(recursive: true);

    protected override Task<ILogStorage> OpenAsync() =>
        Task.FromResult<ILogStorage>(WriteAheadStorage.Open(Path.Combine(_folder.FullName, "log"), Log, segmentBytes: 600_000));
}
