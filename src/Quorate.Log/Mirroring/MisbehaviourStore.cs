using Quorate.Core;
using Quorate.Core.Files;
using Quorate.Log.Storage;

namespace Quorate.Log;

/// <summary>The one contradiction that a followed log was caught in, kept beside what was verified of it. A damaged or forged file is not read as none.</summary>
public static class MisbehaviourStore
{
    /// <summary>In the folder of a mirror.</summary>
    public const string FileName = "misbehaviour.proof";

    /// <summary>Null when there is no file.</summary>
    /// <exception cref="LogDamagedException">There is one, and it proves nothing.</exception>
    public static Misbehaviour? Read(string path, LogIdentity log)
    {
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            var record =
                new FileInfo(path).Length <= MisbehaviourProof.MaxBytes
                    ? MisbehaviourProof.Parse(File.ReadAllBytes(path), out _)
                    : throw new MalformedException("too long");
            return record.Verify(log) is Verification.Rejected rejected ? throw new MalformedException(rejected.ToString()) : record;
        }
        catch (MalformedException e)
        {
            throw new LogDamagedException($"{path} is no proof of misbehaviour ({e.Message}); whoever removes it trusts the log again");
        }
    }

    public static void Write(string path, Misbehaviour record, LogIdentity log) =>
        DurableFile.Replace(path, MisbehaviourProof.Write(record, log.Key), DurableFile.Private);
}
