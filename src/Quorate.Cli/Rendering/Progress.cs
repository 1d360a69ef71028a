namespace Quorate.Cli.Rendering;

/// <summary>A counter on standard error, only for people: nothing is written when output is not a terminal. Thread-safe.</summary>
sealed class Progress(CliHost host, int total)
{
    int _done;

    public void Step(int count = 1)
    {
        var done = Interlocked.Add(ref _done, count);
        if (host.Interactive && (done == total || done % 16 < count))
        {
            host.Error.Write($"\r{done}/{total}");
        }
    }

    public void Done()
    {
        if (host.Interactive)
        {
            host.Error.Write("\r\u001b[K");
        }
    }
}
