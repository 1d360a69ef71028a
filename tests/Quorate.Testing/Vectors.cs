using Xunit;

namespace Quorate.Testing;

/// <summary>Finds other implementations' vectors, which are read in place and never copied into the repository.</summary>
public static class Vectors
{
    /// <summary>The vector file or folder, or a named skip where the vectors are absent.</summary>
    public static string Find(string relativePath)
    {
        var root = Environment.GetEnvironmentVariable("QUORATE_VECTORS") ?? Path.Combine(RepositoryRoot(), "..", "shared", "vectors");
        var path = Path.GetFullPath(Path.Combine(root, relativePath));
        Assert.SkipUnless(Path.Exists(path), $"vectors absent: {relativePath} (set QUORATE_VECTORS)");
        return path;
    }

    /// <summary>The checkout that this test was built from.</summary>
    public static string RepositoryRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Quorate.slnx")))
            {
                return folder.FullName;
            }
        }
        throw new InvalidOperationException("the tests do not run from a checkout");
    }
}
